package experiments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/assay-ml/assay/store"
)

// flatten turns a struct or map into params with dotted names. It goes through
// JSON, so that the tags of a Config name its params and a private field stays
// private. A list, and an empty object, is one param.
func flatten(v any) (map[string]store.Value, error) {
	b, err := json.Marshal(v)
	if unsupported := (*json.UnsupportedValueError)(nil); errors.As(err, &unsupported) {
		return nil, fmt.Errorf("a value is %s, which JSON has no word for", unsupported.Str)
	}
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil || object == nil {
		return nil, fmt.Errorf("%T is not a struct or a map with text keys", v)
	}
	params := map[string]store.Value{}
	return params, flattenInto(params, "", object)
}

func flattenInto(params map[string]store.Value, prefix string, object map[string]json.RawMessage) error {
	for key, raw := range object {
		name := prefix + key
		value, err := decode(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch value := value.(type) {
		case nil: // nothing was chosen
		case map[string]json.RawMessage:
			if err := flattenInto(params, name+".", value); err != nil {
				return err
			}
		default:
			params[name] = value
		}
	}
	return nil
}

// decode returns raw as a string, bool, int64 or float64, as an object that is
// not empty, as nil for null, or else as it is.
func decode(raw json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	switch raw[0] {
	case '{':
		var object map[string]json.RawMessage
		if err := decoder.Decode(&object); err != nil || len(object) > 0 {
			return object, err
		}
		return raw, nil
	case '[':
		return raw, nil
	}
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	number, ok := v.(json.Number)
	if !ok {
		return v, nil
	}
	if whole, err := number.Int64(); err == nil {
		return whole, nil
	}
	return number.Float64()
}

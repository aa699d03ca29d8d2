package store

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

// Kinds of param values in the file.
const (
	kindString = "s"
	kindInt    = "i"
	kindFloat  = "f"
	kindBool   = "b"
	kindJSON   = "j"
)

// encodeValue returns a value as the file keeps it. bits is set for a NaN.
func encodeValue(v Value) (kind string, value any, bits sql.NullInt64, err error) {
	r := reflect.ValueOf(v)
	if raw, ok := v.(json.RawMessage); ok {
		var text bytes.Buffer
		if err := json.Compact(&text, raw); err != nil {
			return "", nil, bits, err
		}
		return kindJSON, text.String(), bits, nil
	}
	switch r.Kind() {
	case reflect.String:
		return kindString, r.String(), bits, nil
	case reflect.Bool:
		return kindBool, r.Bool(), bits, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kindInt, r.Int(), bits, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u := r.Uint(); u <= math.MaxInt64 {
			return kindInt, int64(u), bits, nil
		}
	case reflect.Float32, reflect.Float64:
		f := r.Float()
		if f != f {
			bits = sql.NullInt64{Int64: int64(math.Float64bits(f)), Valid: true}
			return kindFloat, nil, bits, nil
		}
		return kindFloat, f, bits, nil
	}
	text, err := json.Marshal(v)
	return kindJSON, string(text), bits, err
}

// decodeValue is the opposite of encodeValue.
func decodeValue(kind string, value any, bits sql.NullInt64) (Value, error) {
	switch v := value.(type) {
	case nil:
		if bits.Valid {
			return math.Float64frombits(uint64(bits.Int64)), nil
		}
	case []byte:
		return decodeValue(kind, string(v), bits)
	case string:
		if kind == kindJSON {
			return json.RawMessage(v), nil
		}
		return v, nil
	case int64:
		switch kind {
		case kindBool:
			return v != 0, nil
		case kindFloat:
			return float64(v), nil
		}
		return v, nil
	case float64, bool:
		return v, nil
	}
	return nil, fmt.Errorf("value of kind %q is %T", kind, value)
}

func setParam(tx *sql.Tx, run int64, name string, v Value) error {
	kind, value, bits, err := encodeValue(v)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(internName, name); err != nil {
		return err
	}
	_, err = tx.Exec(`insert or replace into param (run, name, kind, value, bits)
		values (?, (select id from name where text = ?), ?, ?, ?)`, run, name, kind, value, bits)
	return err
}

func setTag(tx *sql.Tx, run int64, key, value string) error {
	if _, err := tx.Exec(internName, key); err != nil {
		return err
	}
	_, err := tx.Exec(`insert or replace into tag (run, name, value) values (?, (select id from name where text = ?), ?)`, run, key, value)
	return err
}

package importers

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/assay-ml/assay/store"
)

// event is what we take from one event. TensorFlow's core/util/event.proto and
// core/framework/summary.proto, tensor.proto; of the numbers of fields below,
// only these matter here.
type event struct {
	time    time.Time
	step    int64
	scalars []scalar
	session *session       // of the hparams plugin
	others  map[string]int // summaries that have no place, by kind
}

type scalar struct {
	tag   string
	value float64
}

// session is what the hparams plugin says of a run. TensorBoard's
// plugins/hparams/plugin_data.proto.
type session struct {
	params map[string]store.Value
	status store.Status // "" if it does not say
	start  time.Time    // zero if it does not say
	end    time.Time
}

// field is one field of a protobuf message.
type field struct {
	number protowire.Number
	bits   uint64 // of a varint, fixed32 or fixed64
	bytes  []byte // of a string, message or packed list
}

// fields goes through the fields of a message.
func fields(message []byte) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for len(message) > 0 {
			number, kind, n := protowire.ConsumeTag(message)
			f := field{number: number}
			if n >= 0 {
				message = message[n:]
				switch kind {
				case protowire.VarintType:
					f.bits, n = protowire.ConsumeVarint(message)
				case protowire.Fixed64Type:
					f.bits, n = protowire.ConsumeFixed64(message)
				case protowire.Fixed32Type:
					var bits uint32
					bits, n = protowire.ConsumeFixed32(message)
					f.bits = uint64(bits)
				case protowire.BytesType:
					f.bytes, n = protowire.ConsumeBytes(message)
				default:
					n = protowire.ConsumeFieldValue(number, kind, message)
				}
			}
			if n < 0 {
				yield(field{}, protowire.ParseError(n))
				return
			}
			message = message[n:]
			if !yield(f, nil) {
				return
			}
		}
	}
}

// parseEvent reads an Event. plugins has the plugin of each tag, which writers
// may say once only.
func parseEvent(message []byte, plugins map[string]string) (e event, err error) {
	e.others = map[string]int{}
	for f, err := range fields(message) {
		if err != nil {
			return e, err
		}
		switch f.number {
		case 1:
			e.time = fromSeconds(math.Float64frombits(f.bits))
		case 2:
			e.step = int64(f.bits)
		case 5: // summary
			for f, err := range fields(f.bytes) {
				if err == nil && f.number == 1 {
					err = e.parseValue(f.bytes, plugins)
				}
				if err != nil {
					return e, err
				}
			}
		}
	}
	return e, nil
}

// fromSeconds returns a time given as TensorBoard does; the zero time for none.
func fromSeconds(s float64) time.Time {
	us := math.Round(s * 1e6)
	if !(math.Abs(us) < 1<<62) || us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

// Plugins by name.
const (
	pluginScalars = "scalars"
	pluginHparams = "hparams"
)

// parseValue reads a Summary.Value.
func (e *event) parseValue(message []byte, plugins map[string]string) error {
	var tag, kind, plugin string
	var content, tensor []byte
	var simple float64
	for f, err := range fields(message) {
		if err != nil {
			return err
		}
		switch f.number {
		case 1:
			tag = strings.ToValidUTF8(string(f.bytes), "\ufffd")
		case 2:
			kind, simple = "scalar", float64(math.Float32frombits(uint32(f.bits)))
		case 4:
			kind = "image"
		case 5:
			kind = "histogram"
		case 6:
			kind = "sound"
		case 8:
			kind, tensor = "tensor", f.bytes
		case 9: // metadata
			var err error
			if plugin, content, err = parseMetadata(f.bytes); err != nil {
				return err
			}
		}
	}
	if plugin == "" {
		plugin = plugins[tag]
	}
	plugins[tag] = plugin
	switch {
	case plugin == pluginHparams:
		return e.parseHparams(content)
	case tag == "" && kind != "":
		e.others["without a tag"]++
		return nil
	case kind == "scalar":
		e.scalars = append(e.scalars, scalar{tag, simple})
		return nil
	case kind == "tensor" && (plugin == pluginScalars || plugin == ""):
		value, ok, err := parseTensor(tensor)
		if ok {
			e.scalars = append(e.scalars, scalar{tag, value})
		} else {
			e.others[kind]++
		}
		return err
	case kind == "tensor":
		kind = plugin // says more: "text", "images", "histograms", "pr_curves"
	}
	if kind != "" {
		e.others[kind]++
	}
	return nil
}

// parseMetadata reads a SummaryMetadata.
func parseMetadata(message []byte) (plugin string, content []byte, err error) {
	for f, err := range fields(message) {
		if err != nil {
			return "", nil, err
		}
		if f.number != 1 { // plugin_data
			continue
		}
		for f, err := range fields(f.bytes) {
			if err != nil {
				return "", nil, err
			}
			switch f.number {
			case 1:
				plugin = string(f.bytes)
			case 2:
				content = f.bytes
			}
		}
	}
	return plugin, content, nil
}

// parseTensor returns the value of a TensorProto that holds one number. ok is
// false for any other.
func parseTensor(message []byte) (value float64, ok bool, err error) {
	var dtype uint64
	var content []byte
	elements := int64(1)
	listed := 0
	for f, err := range fields(message) {
		if err != nil {
			return 0, false, err
		}
		switch f.number {
		case 1:
			dtype = f.bits
		case 2: // shape
			if elements, err = parseShape(f.bytes); err != nil {
				return 0, false, err
			}
		case 4:
			content = f.bytes
		case 5, 6, 7, 10, 11, 13, 16, 17: // the lists of values by type; one element each
			bits, n, err := onlyElement(f)
			if err != nil {
				return 0, false, err
			}
			listed += n
			value = listedValue(f.number, dtype, bits)
		}
	}
	switch {
	case elements != 1 || listed > 1:
		return 0, false, nil
	case content != nil:
		value, ok = contentValue(dtype, content)
		return value, ok, nil
	}
	return value, listed == 1, nil
}

// parseShape returns the number of elements of a TensorShapeProto.
func parseShape(message []byte) (elements int64, err error) {
	elements = 1
	for f, err := range fields(message) {
		if err != nil {
			return 0, err
		}
		if f.number != 2 { // dim
			continue
		}
		size := int64(0)
		for f, err := range fields(f.bytes) {
			if err != nil {
				return 0, err
			}
			if f.number == 1 {
				size = int64(f.bits)
			}
		}
		elements *= size
	}
	return elements, nil
}

// Types of tensors. TensorFlow's core/framework/types.proto.
const (
	dtFloat, dtDouble, dtInt32, dtUint8, dtInt16, dtInt8, dtInt64, dtBool        = 1, 2, 3, 4, 5, 6, 9, 10
	dtBfloat16, dtUint16, dtHalf, dtUint32, dtUint64                      uint64 = 14, 17, 19, 22, 23
)

// onlyElement returns the bits of a list's last element, and how many it has.
func onlyElement(f field) (bits uint64, n int, err error) {
	if f.bytes == nil {
		return f.bits, 1, nil // not packed
	}
	packed := f.bytes
	for len(packed) > 0 {
		var size int
		switch f.number {
		case 5: // float_val
			var b uint32
			b, size = protowire.ConsumeFixed32(packed)
			bits = uint64(b)
		case 6: // double_val
			bits, size = protowire.ConsumeFixed64(packed)
		default:
			bits, size = protowire.ConsumeVarint(packed)
		}
		if size < 0 {
			return 0, 0, protowire.ParseError(size)
		}
		packed = packed[size:]
		n++
	}
	return bits, n, nil
}

// listedValue returns an element of the list with the number.
func listedValue(list protowire.Number, dtype, bits uint64) float64 {
	switch list {
	case 5:
		return float64(math.Float32frombits(uint32(bits)))
	case 6:
		return math.Float64frombits(bits)
	case 13: // half_val, of both kinds of 16 bits
		if dtype == dtBfloat16 {
			return float64(math.Float32frombits(uint32(bits) << 16))
		}
		return halfValue(uint16(bits))
	case 16, 17: // uint32_val, uint64_val
		return float64(bits)
	}
	return float64(int64(bits)) // int_val, int64_val, bool_val
}

// contentValue returns the one element of a tensor's raw bytes.
func contentValue(dtype uint64, b []byte) (value float64, ok bool) {
	le := binary.LittleEndian
	switch {
	case dtype == dtFloat && len(b) == 4:
		return float64(math.Float32frombits(le.Uint32(b))), true
	case dtype == dtDouble && len(b) == 8:
		return math.Float64frombits(le.Uint64(b)), true
	case dtype == dtInt32 && len(b) == 4:
		return float64(int32(le.Uint32(b))), true
	case dtype == dtUint32 && len(b) == 4:
		return float64(le.Uint32(b)), true
	case dtype == dtInt64 && len(b) == 8:
		return float64(int64(le.Uint64(b))), true
	case dtype == dtUint64 && len(b) == 8:
		return float64(le.Uint64(b)), true
	case dtype == dtInt16 && len(b) == 2:
		return float64(int16(le.Uint16(b))), true
	case dtype == dtUint16 && len(b) == 2:
		return float64(le.Uint16(b)), true
	case dtype == dtHalf && len(b) == 2:
		return halfValue(le.Uint16(b)), true
	case dtype == dtBfloat16 && len(b) == 2:
		return float64(math.Float32frombits(uint32(le.Uint16(b)) << 16)), true
	case dtype == dtInt8 && len(b) == 1:
		return float64(int8(b[0])), true
	case (dtype == dtUint8 || dtype == dtBool) && len(b) == 1:
		return float64(b[0]), true
	}
	return 0, false
}

// halfValue returns an IEEE 754 binary16.
func halfValue(bits uint16) float64 {
	sign := 1.0
	if bits>>15 != 0 {
		sign = -1
	}
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// parseHparams reads a HParamsPluginData.
func (e *event) parseHparams(message []byte) error {
	for f, err := range fields(message) {
		if err != nil {
			return err
		}
		switch f.number {
		case 3: // session_start_info
			e.session = &session{params: map[string]store.Value{}}
			if err := e.session.parseStart(f.bytes); err != nil {
				return fmt.Errorf("hparams: %w", err)
			}
		case 4: // session_end_info
			e.session = &session{}
			for f, err := range fields(f.bytes) {
				if err != nil {
					return fmt.Errorf("hparams: %w", err)
				}
				switch f.number {
				case 1:
					e.session.status = map[uint64]store.Status{1: store.Finished, 2: store.Failed}[f.bits]
				case 2:
					e.session.end = fromSeconds(math.Float64frombits(f.bits))
				}
			}
		}
	}
	return nil
}

func (s *session) parseStart(message []byte) error {
	for f, err := range fields(message) {
		if err != nil {
			return err
		}
		switch f.number {
		case 1: // an entry of the map hparams
			var name string
			var value structpb.Value
			for f, err := range fields(f.bytes) {
				if err == nil && f.number == 2 {
					err = proto.Unmarshal(f.bytes, &value)
				}
				if err != nil {
					return err
				}
				if f.number == 1 {
					name = string(f.bytes)
				}
			}
			if s.params[name], err = hparam(&value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case 5:
			s.start = fromSeconds(math.Float64frombits(f.bits))
		}
	}
	return nil
}

// hparam returns a google.protobuf.Value as a param.
func hparam(v *structpb.Value) (store.Value, error) {
	switch kind := v.Kind.(type) {
	case *structpb.Value_NumberValue:
		return kind.NumberValue, nil
	case *structpb.Value_StringValue:
		return kind.StringValue, nil
	case *structpb.Value_BoolValue:
		return kind.BoolValue, nil
	}
	b, err := v.MarshalJSON()
	return json.RawMessage(b), err
}

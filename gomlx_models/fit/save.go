package fit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// A saved network, numbers little-endian:
//
//	┌──────────────────┬─────────┬───────────────┬────────┬─────────────────┬───────────┐
//	│ "assay network\n"│ version │ header length │ header │ weights, raw    │ sha256 of │
//	│ 14 bytes         │ uint16  │ uint32        │ JSON   │ in header order │ all before│
//	└──────────────────┴─────────┴───────────────┴────────┴─────────────────┴───────────┘
const (
	saveMagic   = "assay network\n"
	saveVersion = 1
)

type saveHeader struct {
	Kind    string          `json:"kind"` // which package's model: "imaging.CNN"
	Config  json.RawMessage `json:"config"`
	Weights []saveWeight    `json:"weights"`
}

type saveWeight struct {
	Name  string `json:"name"`
	DType string `json:"dtype"` // "Float32"
	Shape []int  `json:"shape"`
}

// ErrCorrupt is wrapped by the error for a saved network that is cut short,
// altered, or something else altogether.
var ErrCorrupt = errors.New("not a saved model, or a damaged one")

// Save writes the network with its kind and configuration, which is all that
// [Load] needs in a later process.
func (n *Network) Save(w io.Writer, kind string, config any) error {
	n.mu.Lock()
	weights, err := n.weights()
	n.mu.Unlock()
	if err != nil {
		return err
	}
	return weights.save(w, kind, config)
}

func (weights Weights) save(w io.Writer, kind string, config any) (err error) {
	header := saveHeader{Kind: kind}
	if header.Config, err = json.Marshal(config); err != nil {
		return fmt.Errorf("configuration of %s: %w", kind, err)
	}
	for _, weight := range weights {
		shape := weight.value.Shape()
		header.Weights = append(header.Weights, saveWeight{weight.name, shape.DType.String(), shape.Dimensions})
	}
	head, err := json.Marshal(header)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	start := binary.LittleEndian.AppendUint16([]byte(saveMagic), saveVersion)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(head)))
	if _, err := out.Write(append(start, head...)); err != nil {
		return err
	}
	for _, weight := range weights {
		var failed error
		err := weight.value.ConstBytes(func(raw []byte) { _, failed = out.Write(raw) })
		if err := errors.Join(err, failed); err != nil {
			return err
		}
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// Load reads what Save wrote for kind, and decodes the configuration into
// config, a pointer. The weights are for [Restore].
func Load(r io.Reader, kind string, config any) (Weights, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	fixed := len(saveMagic) + 2 + 4
	if len(content) < fixed+sha256.Size || !bytes.HasPrefix(content, []byte(saveMagic)) {
		return nil, ErrCorrupt
	}
	version := binary.LittleEndian.Uint16(content[len(saveMagic):])
	if version != saveVersion {
		return nil, fmt.Errorf("the model was saved by a newer assay (format %d, this one reads %d): update assay", version, saveVersion)
	}
	body, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("%w: its checksum does not fit", ErrCorrupt)
	}
	length := int64(binary.LittleEndian.Uint32(content[len(saveMagic)+2:]))
	raw := body[fixed:]
	if length > int64(len(raw)) {
		return nil, fmt.Errorf("%w: its header is cut short", ErrCorrupt)
	}
	var header saveHeader
	if err := json.Unmarshal(raw[:length], &header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	if header.Kind != kind {
		return nil, fmt.Errorf("the saved model is a %s, not a %s", header.Kind, kind)
	}
	if err := json.Unmarshal(header.Config, config); err != nil {
		return nil, fmt.Errorf("%w: configuration: %w", ErrCorrupt, err)
	}
	raw = raw[length:]
	var weights Weights
	for _, w := range header.Weights {
		shape, err := w.shape()
		if err != nil {
			return nil, err
		}
		size := int(shape.ByteSize())
		if size > len(raw) {
			return nil, fmt.Errorf("%w: weights %s are cut short", ErrCorrupt, w.Name)
		}
		value, err := tensors.FromRaw(nil, 0, shape, raw[:size])
		if err != nil {
			return nil, err
		}
		raw = raw[size:]
		weights = append(weights, weight{w.Name, value})
	}
	if len(raw) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrCorrupt, len(raw))
	}
	return weights, nil
}

// shape checks what the header says before anything of that size is made.
func (w saveWeight) shape() (shapes.Shape, error) {
	dtype, err := dtypes.DTypeString(w.DType)
	if err != nil || dtype == dtypes.InvalidDType {
		return shapes.Shape{}, fmt.Errorf("%w: weights %s are of type %q", ErrCorrupt, w.Name, w.DType)
	}
	size := int64(1)
	for _, n := range w.Shape {
		if n < 1 || size > (1<<40)/int64(n) {
			return shapes.Shape{}, fmt.Errorf("%w: weights %s have shape %d", ErrCorrupt, w.Name, w.Shape)
		}
		size *= int64(n)
	}
	return shapes.Make(dtype, w.Shape...), nil
}

package fit

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// SaveState writes a model that is no network: state as JSON, compressed by gzip,
// whose checksum tells a damaged file. Trees, which are most of it where there are
// any, take a fifth of the room of the JSON, and a third of its time on top.
func SaveState(w io.Writer, state any) error {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(zip).Encode(state), zip.Close())
}

// LoadState decodes into state, a pointer, what SaveState wrote, or the
// configuration that [Network.Save] wrote for kind. weights are then for [Restore],
// and nil otherwise. It also reads JSON that is not compressed, which earlier
// versions wrote.
func LoadState(r io.Reader, kind string, state any) (weights Weights, err error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(content, []byte(saveMagic)) {
		return Load(bytes.NewReader(content), kind, state)
	}
	if !bytes.HasPrefix(content, []byte("{")) {
		zip, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return nil, ErrCorrupt
		}
		if content, err = io.ReadAll(zip); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if err := json.Unmarshal(content, state); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil, nil
}

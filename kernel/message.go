package kernel

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// protocolVersion is the Jupyter messaging protocol that this package speaks.
// https://jupyter-client.readthedocs.io/en/stable/messaging.html
const protocolVersion = "5.4"

// delimiter ends the routing identities of a message on the wire.
const delimiter = "<IDS|MSG>"

// header is the header of a message.
type header struct {
	ID       string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	Type     string `json:"msg_type"`
	Version  string `json:"version"`
}

// message is one Jupyter message. On the wire it is a list of frames:
//
//	identity… | <IDS|MSG> | signature | header | parent | metadata | content | buffer…
//
// The signature is hex(HMAC-SHA256(key, header ‖ parent ‖ metadata ‖ content)).
type message struct {
	identities [][]byte
	header     header
	rawHeader  json.RawMessage // as it came, so that replies echo fields this package does not know
	parent     json.RawMessage
	metadata   json.RawMessage
	content    json.RawMessage
	buffers    [][]byte
}

// emptyObject stands for a missing parent, metadata or content.
var emptyObject = json.RawMessage("{}")

// newMessage returns a message of type kind with content, an answer to parent
// unless that is nil.
func newMessage(kind, session string, parent *message, content any) (*message, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", kind, err)
	}
	m := &message{
		header: header{
			ID:       newMessageID(),
			Session:  session,
			Username: "assay",
			Date:     time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
			Type:     kind,
			Version:  protocolVersion,
		},
		parent:   emptyObject,
		metadata: emptyObject,
		content:  body,
	}
	if parent != nil {
		m.parent = parent.rawHeader
		m.header.Username = parent.header.Username
	}
	if m.rawHeader, err = json.Marshal(m.header); err != nil {
		return nil, fmt.Errorf("message %s: %w", kind, err)
	}
	return m, nil
}

func newMessageID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// parentID returns the id of the message that m answers.
func (m *message) parentID() string {
	var h header
	if json.Unmarshal(m.parent, &h) != nil {
		return ""
	}
	return h.ID
}

// signer signs messages and checks their signatures. Without a key nothing is
// signed or checked, as the protocol has it.
type signer struct{ key []byte }

func (s signer) sign(parts ...[]byte) []byte {
	if len(s.key) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, s.key)
	for _, part := range parts {
		mac.Write(part)
	}
	return []byte(hex.EncodeToString(mac.Sum(nil)))
}

// encode returns m's frames.
func (s signer) encode(m *message) [][]byte {
	frames := append(slices.Clone(m.identities), []byte(delimiter),
		s.sign(m.rawHeader, m.parent, m.metadata, m.content),
		m.rawHeader, m.parent, m.metadata, m.content)
	return append(frames, m.buffers...)
}

var errSignature = errors.New("the signature is wrong")

// decode reads a message from its frames. A message that is cut short, badly
// signed or not JSON objects is an error.
func (s signer) decode(frames [][]byte) (*message, error) {
	i := slices.IndexFunc(frames, func(f []byte) bool { return string(f) == delimiter })
	if i < 0 {
		return nil, fmt.Errorf("no %s frame", delimiter)
	}
	if len(frames) < i+6 {
		return nil, fmt.Errorf("%d frames after %s, want at least 5", len(frames)-i-1, delimiter)
	}
	m := &message{
		identities: frames[:i:i],
		rawHeader:  frames[i+2],
		parent:     frames[i+3],
		metadata:   frames[i+4],
		content:    frames[i+5],
		buffers:    frames[i+6:],
	}
	if !hmac.Equal(frames[i+1], s.sign(m.rawHeader, m.parent, m.metadata, m.content)) && len(s.key) > 0 {
		return nil, errSignature
	}
	for _, part := range []struct {
		name string
		json json.RawMessage
	}{{"header", m.rawHeader}, {"parent header", m.parent}, {"metadata", m.metadata}, {"content", m.content}} {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(part.json, &object); err != nil || object == nil {
			return nil, fmt.Errorf("the %s is not a JSON object", part.name)
		}
	}
	if err := json.Unmarshal(m.rawHeader, &m.header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if m.header.Type == "" || m.header.ID == "" {
		return nil, errors.New("the header has no msg_type or no msg_id")
	}
	return m, nil
}

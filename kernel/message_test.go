package kernel

import (
	"bytes"
	"strings"
	"testing"
)

func TestMessage(t *testing.T) {
	sign := signer{key: []byte("key")}
	request, err := newMessage("execute_request", "s1", nil, map[string]string{"code": "é"})
	if err != nil {
		t.Fatal(err)
	}
	request.identities = [][]byte{[]byte("me")}
	got, err := sign.decode(sign.encode(request))
	if err != nil {
		t.Fatal(err)
	}
	if got.header != request.header || string(got.content) != `{"code":"é"}` || string(got.identities[0]) != "me" {
		t.Errorf("decoded: %+v", got)
	}
	reply, err := newMessage("execute_reply", "s2", got, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if reply.parentID() != request.header.ID {
		t.Errorf("the reply's parent is %q, want %q", reply.parentID(), request.header.ID)
	}

	f := func(want string, change func([][]byte) [][]byte) {
		t.Helper()
		if _, err := sign.decode(change(sign.encode(request))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("decode: %v, want %q", err, want)
		}
	}
	f("signature", func(f [][]byte) [][]byte { f[6] = []byte(`{"code":"rm"}`); return f })
	f("signature", func(f [][]byte) [][]byte { f[2] = nil; return f })
	f("no <IDS|MSG>", func(f [][]byte) [][]byte { return f[2:] })
	f("want at least 5", func(f [][]byte) [][]byte { return f[:5] })
	f("content is not a JSON object", func(f [][]byte) [][]byte {
		f[6] = []byte("[1]")
		f[2] = sign.sign(f[3], f[4], f[5], f[6])
		return f
	})
	f("no msg_type", func(f [][]byte) [][]byte {
		f[3] = []byte("{}")
		f[2] = sign.sign(f[3], f[4], f[5], f[6])
		return f
	})
}

// The reference is Python: hmac.new(b"key", b"{}" * 4, "sha256").hexdigest().
func TestSignature(t *testing.T) {
	got := string(signer{key: []byte("key")}.sign([]byte("{}"), []byte("{}"), []byte("{}"), []byte("{}")))
	if want := "ca767b02c5bc061ed184a9a029e7f93a7f2f7ed4e8fe74120fc1212f0b008fa3"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	m, err := newMessage("kernel_info_request", "s", nil, struct{}{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Join(signer{}.encode(m), []byte{0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := bytes.Split(data, []byte{0})
		m, err := signer{}.decode(frames)
		if err != nil {
			return
		}
		if again := bytes.Join(signer{}.encode(m), []byte{0}); len(m.buffers) == 0 && len(frames) > 0 && !bytes.HasSuffix(again, m.content) {
			t.Errorf("encoded again it does not end with its content")
		}
		if _, err := (signer{key: []byte("k")}).decode(frames); err == nil {
			t.Error("what nobody signed is accepted")
		}
	})
}

package modeltest

import (
	"encoding/json"
	"os"
	"testing"
)

// Reference returns testdata/reference.json: values of other libraries, by a script
// beside it that says which.
func Reference[T any](t testing.TB) (reference T) {
	t.Helper()
	b, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &reference); err != nil {
		t.Fatal(err)
	}
	return reference
}

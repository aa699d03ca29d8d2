package web

import (
	"os/exec"
	"testing"
)

// The API does what its OpenAPI document says, as Schemathesis finds it: it asks
// with values of its own making, right and wrong ones, and with ids that it was
// given, and looks at what comes back. One check is left out: it wants every text
// to be a good query, which no schema can say.
func TestSchemathesis(t *testing.T) {
	st, err := exec.LookPath("st")
	if err != nil {
		t.Skip("schemathesis is not installed: `make test` does it")
	}
	s := openStore(t)
	fill(t, s)
	home := serve(t, s, Options{})
	c := exec.CommandContext(t.Context(), st, "run", home+"/api/openapi.json", "--exclude-checks", "positive_data_acceptance",
		"--max-examples", "50", "--seed", "1", "--no-color", "--generation-database", "none")
	c.Dir = t.TempDir() // where it leaves what it has found
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("schemathesis: %v\n%s", err, out)
	}
}

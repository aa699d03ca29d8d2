package modeltest

import (
	"testing"

	"github.com/assay-ml/assay/home"
)

// Data returns where a file or folder of real data is: path below one of the data
// folders. It skips the test where none has it.
func Data(t testing.TB, path string) string {
	t.Helper()
	found, err := home.DataFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if found == "" {
		t.Skipf("set ASSAY_DATA to a folder with %s", path)
	}
	return found
}

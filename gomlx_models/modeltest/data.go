package modeltest

import (
	"os"
	"path/filepath"
	"testing"
)

// Data returns where a file or folder of real data is: path below one of the
// folders of $ASSAY_DATA. It skips the test where none has it.
func Data(t testing.TB, path string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("ASSAY_DATA")) {
		found := filepath.Join(dir, filepath.FromSlash(path))
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skipf("set ASSAY_DATA to a folder with %s", path)
	return ""
}

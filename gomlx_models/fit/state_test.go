package fit_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

func TestStateSurvives(t *testing.T) {
	type state struct{ Values []float64 }
	want := state{[]float64{1, 0.1, -3e300}}
	var file bytes.Buffer
	if err := fit.SaveState(&file, want); err != nil {
		t.Fatal(err)
	}
	saved := file.Bytes()
	var got state
	if _, err := fit.LoadState(bytes.NewReader(saved), "", &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	got = state{}
	if _, err := fit.LoadState(strings.NewReader(`{"Values":[1,0.1,-3e300]}`), "", &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without compression: got %v, %v; want %v", got, err, want)
	}
	f := func(damaged []byte) {
		t.Helper()
		if _, err := fit.LoadState(bytes.NewReader(damaged), "", &got); !errors.Is(err, fit.ErrCorrupt) {
			t.Errorf("%q: got %v, want %v", damaged, err, fit.ErrCorrupt)
		}
	}
	f(nil)
	f([]byte("something else"))
	f(saved[:len(saved)-1])
	f([]byte(`{"Values":[1`))
	altered := bytes.Clone(saved)
	altered[len(altered)-5] ^= 1 // in the checksum
	f(altered)
}

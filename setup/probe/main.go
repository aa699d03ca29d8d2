// Command probe opens the backend that models will use, multiplies two matrices
// on it, and prints which it is. It is a program of its own, so that assay need
// not link GoMLX. It exits 2 if there is no backend, 1 if it multiplies wrongly.
package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

func main() {
	backend, err := fit.Backend()
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	if err := multiply(backend); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	which, _, _ := strings.Cut(backend.Description(), " - ") // the plugin's file twice, and its version
	fmt.Println(which + ", multiplies matrices")
}

// multiply multiplies two matrices on b, and checks the product.
func multiply(b compute.Backend) error {
	product, err := graph.NewExec(b, func(x, y *graph.Node) *graph.Node { return graph.MatMul(x, y) })
	if err != nil {
		return err
	}
	out, err := product.Call([][]float32{{1, 2}, {3, 4}}, [][]float32{{5, 6}, {7, 8}})
	if err != nil {
		return err
	}
	if got, want := out[0].Value(), [][]float32{{19, 22}, {43, 50}}; !reflect.DeepEqual(got, want) {
		return fmt.Errorf("a product of matrices is %v, not %v", got, want)
	}
	return nil
}

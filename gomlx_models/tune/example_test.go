package tune_test

import (
	"fmt"

	"github.com/assay-ml/assay/gomlx_models/tree"
	"github.com/assay-ml/assay/gomlx_models/tune"
)

func ExampleGrid() {
	candidates := tune.Grid(tree.Config{Trees: 100},
		[]tune.Choice[tree.Config]{
			{Name: "any depth", Set: func(c *tree.Config) { c.MaxDepth = 0 }},
			{Name: "depth 4", Set: func(c *tree.Config) { c.MaxDepth = 4 }},
		},
		[]tune.Choice[tree.Config]{
			{Name: "leaves of 1", Set: func(c *tree.Config) { c.MinLeaf = 1 }},
			{Name: "leaves of 10", Set: func(c *tree.Config) { c.MinLeaf = 10 }},
		})
	for _, c := range candidates {
		fmt.Println(c.Name)
	}
	// Output:
	// any depth, leaves of 1
	// any depth, leaves of 10
	// depth 4, leaves of 1
	// depth 4, leaves of 10
}

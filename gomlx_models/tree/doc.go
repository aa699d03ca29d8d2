// Package tree grows decision trees, and forests and boosted sums of them, for
// classes, numbers, survival and, through its hooks, treatment effects. All of
// them are one core: features are sorted once into at most 255 bins and a bin for
// missing values, and a node is split by histograms of its rows.
//
//	forest, err := tree.Classify(ctx, x, y, 2, tree.Config{Seed: 1, OOB: true})
//	probs := forest.Predict(test)
//	fmt.Println(forest.OOB.Score, forest.Trees[0].Rules(names))
//	why := forest.SHAP(test[0])
//
// A row is a []float64. NaN is a missing value: each split learns which side
// missing values go to. A feature marked categorical holds codes 0 to 254, and is
// split by sets of codes. The result depends on the seed, never on the number of
// threads.
//
// The package knows nothing of GoMLX, of tables or of runs. Package treegraph
// compiles what it grows to a graph of GoMLX.
package tree

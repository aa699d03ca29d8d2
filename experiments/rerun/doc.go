// Package rerun runs a recorded run again, from the store alone, and says
// whether the result is the same.
//
//	result, err := rerun.Run(ctx, s, id, rerun.Options{Out: os.Stderr})
//	fmt.Println(result.Comparison.Summary()) // identical: 14 metrics with 310 points, 1 report, bit for bit
//
// The program is built in a fresh folder from what the run recorded (see
// experiments.Snapshot), with the modules that its go.sum pins and the toolchain
// that built it. Data files are known by their content: one that was moved into a
// folder of ASSAY_DATA is found, one that changed is named. The run that comes of
// it is a run like any other, linked to the first; its points are compared with
// the first one's by experiments.Compare and the verdict is kept with both.
//
// A variation is a run of the same program with other params, data, seeds or
// newer packages. It is kept as a child of the run that it varies, and nothing is
// expected of its numbers.
package rerun

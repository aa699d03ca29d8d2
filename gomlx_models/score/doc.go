// Package score judges predictions: how well answers agree with what was
// observed, and how sure one can be of that. It is plain Go and knows nothing of
// models, so that a network, a forest and a rule of thumb are measured by the
// same code.
//
// The builders return a models.Report: point estimates, 95 % intervals from a
// bootstrap that resamples patients rather than rows, curves and tables.
//
//	point, err := score.ChooseThreshold(valid.Positive, validProb, score.Youden) // on the validation set
//	report, err := score.Binary(test.Positive, testProb, score.Options{
//		Name: "test", Group: test.Patient, Operating: point,
//		Subgroups: []score.Subgroup{{Name: "sex", Of: test.Sex}},
//	})
//
// Below them are the plain measures (AUC, Brier, Concordance …). A plain measure
// panics if its slices differ in length, and is NaN where its definition divides
// by zero: the AUC of one class only, the PPV when nothing is called positive. A
// builder returns an error instead of panicking, and says in the report's notes
// why a value is NaN.
//
// Values agree with scikit-learn to 1e-12 and with scikit-survival to 1e-10; the
// reference values and the script that made them are in testdata.
package score

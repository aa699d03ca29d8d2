// Package table holds tabular data: it reads CSV, TSV and Parquet, shows what it
// took each column for, divides rows into training and test sets without leaking
// patients, and turns columns into features.
//
//	frame, err := table.Open("pima.csv", table.Options{ZeroMissing: []string{"Glucose", "BMI"}})
//	fmt.Println(frame.Describe())                            // look before you use it
//	folds, err := table.KFold(frame.Rows(), 5, table.SplitOptions{Stratify: outcome})
//	train, test := frame.Take(folds[0].Train), frame.Take(folds[0].Test)
//	pipeline, x, err := table.Fit(table.Plan{}, train, y)    // learns from training rows only
//	xTest, err := pipeline.Transform(test)
//
// A Pipeline is one value that JSON saves with the model. What it knows of
// medians, levels and means comes from the frame given to Fit and nothing else.
package table

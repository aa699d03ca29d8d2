package models

import "fmt"

// Check returns an error that names the first part of r that does not fit together:
// a curve whose X, Y and interval differ in length, a table with a row that is empty
// or longer than its columns.
func (r Report) Check() error {
	for _, c := range r.Curves {
		n := len(c.X)
		if len(c.Y) != n || c.Low != nil && len(c.Low) != n || c.High != nil && len(c.High) != n {
			return fmt.Errorf("the %s curve %q has %d x, %d y, %d low and %d high: give each point all of them, or leave low and high out",
				c.Kind, c.Label, n, len(c.Y), len(c.Low), len(c.High))
		}
	}
	for _, t := range r.Tables {
		for i, row := range t.Rows {
			if len(row) == 0 || len(row) > len(t.Columns) {
				return fmt.Errorf("row %d of the table %q has %d cells: give it at least one, and at most the %d that there are columns for", i+1, t.Title, len(row), len(t.Columns))
			}
		}
	}
	return nil
}

package imaging

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Audit is what looking for ways to a flattering result found. Given to
// [Evaluate] in [Judging], it becomes part of the report.
type Audit struct {
	Leaks     []Leak
	Allowed   string     // why leaks are no obstacle; "" if there are none
	Nameless  bool       // the data do not say whose films they are: a patient may be on two sides unseen
	Shortcuts []Shortcut // empty without films to train on and to test on
	Films     [3]int     // that were compared: train, validation, test
}

// Audit decodes every film once and looks for leaks between the sides of the
// split (a patient, a picture, nearly the same picture or its mirror image on
// two) and for shortcuts from training to test films. Copies that were turned or
// cut are not found. A leak is an error that wraps [ErrLeak], beside the whole
// audit, unless d.AllowLeak says why not.
func (d Splits[Y]) Audit(ctx context.Context) (Audit, error) {
	var audit Audit
	var seen [3][]fingerprint
	sides := d.sides()
	for i, side := range sides {
		if side.Len() > 0 {
			if err := checkSet(*side, d.Classes); err != nil {
				return Audit{}, fmt.Errorf("imaging: audit: %w", err)
			}
		}
		var err error
		if seen[i], err = fingerprints(ctx, side.X); err != nil {
			return Audit{}, fmt.Errorf("imaging: audit: %w", err)
		}
		audit.Films[i] = side.Len()
		audit.Nameless = audit.Nameless || side.Len() > 0 && side.Group == nil
	}
	for i := range sides {
		for j := i + 1; j < len(sides); j++ {
			found, err := leaks(ctx, [2]string{sideNames[i], sideNames[j]}, *sides[i], *sides[j], seen[i], seen[j])
			if err != nil {
				return Audit{}, fmt.Errorf("imaging: audit: %w", err)
			}
			audit.Leaks = append(audit.Leaks, found...)
		}
	}
	var leaked, blind error
	if len(audit.Leaks) > 0 {
		if audit.Allowed = d.AllowLeak; audit.Allowed == "" {
			leaked = fmt.Errorf("imaging: audit: %w, or say in AllowLeak why that is no obstacle", audit.leak())
		}
	}
	if d.Train.Len() > 0 && d.Test.Len() > 0 {
		if audit.Shortcuts, blind = shortcuts(d.Train, d.Test, d.Classes, seen[0], seen[2]); blind != nil {
			blind = fmt.Errorf("imaging: audit: %w", blind)
		}
	}
	return audit, cmp.Or(leaked, blind)
}

// leak is the error for the leaks of the first's kind between its sides.
func (a Audit) leak() error {
	first := a.Leaks[0]
	var shared []string
	for _, leak := range a.Leaks {
		if leak.Kind == first.Kind && leak.Sides == first.Sides {
			what := leak.What[0]
			if what != leak.What[1] {
				what += " = " + leak.What[1]
			}
			shared = append(shared, what)
		}
	}
	return leakOf(first.Kind, shared, first.Sides[0], first.Sides[1])
}

// Table returns the leaks by kind and sides, and how well the shortcuts do.
func (a Audit) Table() models.Table {
	t := models.Table{Kind: "audit", Title: "Audit", Columns: []string{"found on two sides"}}
	var pairs [][2]string
	for i, one := range sideNames {
		for j := i + 1; j < len(sideNames); j++ {
			if a.Films[i] > 0 && a.Films[j] > 0 {
				pairs = append(pairs, [2]string{one, sideNames[j]})
				t.Columns = append(t.Columns, one+" and "+sideNames[j])
			}
		}
	}
	for _, kind := range kinds {
		row := []string{kind}
		for _, sides := range pairs {
			found := "not known"
			if kind != "patient" || !a.Nameless {
				found = fmt.Sprint(a.count(func(l Leak) bool { return l.Kind == kind && l.Sides == sides }))
			}
			row = append(row, found)
		}
		t.Rows = append(t.Rows, row)
	}
	for _, s := range a.Shortcuts {
		row := []string{"shortcut by " + s.Sees}
		for _, sides := range pairs {
			found := ""
			if sides == [2]string{"train", "test"} {
				found = "AUC " + s.auc()
			}
			row = append(row, found)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// count returns how many leaks there are of those that which chooses.
func (a Audit) count(which func(Leak) bool) int {
	n := 0
	for _, leak := range a.Leaks {
		if which(leak) {
			n++
		}
	}
	return n
}

func (s Shortcut) auc() string { return interval(s.AUC) }

// interval writes a metric with its 95 % interval.
func interval(m models.Metric) string {
	return fmt.Sprintf("%.2f (%.2f to %.2f)", float64(m.Value), float64(m.Low), float64(m.High))
}

// notes are the sentences that a report with this AUC must carry.
func (a *Audit) notes(auc models.Metric) []string {
	if a == nil {
		return []string{"No audit for leaks and shortcuts was made: Splits.Audit makes one."}
	}
	var notes []string
	if len(a.Leaks) > 0 {
		var found []string
		for _, kind := range kinds {
			if n := a.count(func(l Leak) bool { return l.Kind == kind }); n > 0 {
				found = append(found, fmt.Sprintf("%s %d", kind, n))
			}
		}
		notes = append(notes, fmt.Sprintf("Leaks allowed: on two sides of the split are (%s); the reason given is: %s.", strings.Join(found, ", "), a.Allowed))
	}
	if a.Nameless {
		notes = append(notes, "The data do not say whose films they are: a patient may be on two sides of the split, and intervals take each film for another patient.")
	}
	var worst Shortcut
	for _, s := range a.Shortcuts {
		if s.AUC.Value > worst.AUC.Value {
			worst = s
		}
	}
	// The model is not clearly better than one that cannot see what the films show.
	if worst.AUC.Low > 0.5 && !(worst.AUC.High < auc.Low) {
		notes = append(notes, fmt.Sprintf("Shortcut: a model that sees only the %s reaches AUC %s on these films, this one %s. "+
			"What it learnt may be how the films were made rather than what they show.", worst.Sees, worst.auc(), interval(auc)))
	}
	return notes
}

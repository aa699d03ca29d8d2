package treatment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/gomlx_models/score"
)

// Refute asks of the mean effects of a set what they would have to answer if they
// were effects:
//
//   - arms dealt anew among the rows: nothing should be left of them
//   - a column of noise beside the others: nothing should change
//   - four fifths of the rows, at random: nothing should change but by chance
//
// Each is asked so many times, which takes three times as many Scores. The table, of
// kind "refutation", has for every arm but the first what the answers should be, the
// standard error of the effect, and the mean, the least and the greatest answer.
// Effects whose answers are off by more than about two standard errors are not to be
// believed; others may still be confounded by what no column holds: see EValue.
//
// Sharma and Kiciman, DoWhy, arXiv:2011.04216.
func Refute(ctx context.Context, d Dataset, arms []string, n Nuisance, times int, seed int64) (models.Table, error) {
	t, err := refute(ctx, d, arms, n, times, seed)
	if err != nil {
		return models.Table{}, fmt.Errorf("treatment: refute: %w", err)
	}
	return t, nil
}

func refute(ctx context.Context, d Dataset, arms []string, n Nuisance, times int, seed int64) (models.Table, error) {
	t := models.Table{Kind: "refutation", Title: "Do the mean effects hold?", Columns: []string{"question", "arm", "should be", "standard error", "is", "least", "greatest"}}
	if times < 1 {
		return t, fmt.Errorf("each question is to be asked %d times: ask once or more", times)
	}
	whole, err := meanGains(ctx, d, arms, n, seed)
	if err != nil {
		return t, err
	}
	questions := []struct {
		name    string
		leaves  float64 // of the effects
		instead func(random *rand.Rand) Dataset
	}{
		{"arms dealt anew", 0, func(random *rand.Rand) Dataset {
			out := d
			out.Y = slices.Clone(d.Y)
			random.Shuffle(len(out.Y), func(i, j int) { out.Y[i].Arm, out.Y[j].Arm = out.Y[j].Arm, out.Y[i].Arm })
			return out
		}},
		{"a column of noise", 1, func(random *rand.Rand) Dataset {
			out := d
			out.X = make([]Row, len(d.X))
			for i, x := range d.X {
				out.X[i] = append(slices.Clone(x), random.NormFloat64())
			}
			return out
		}},
		{"four fifths of the rows", 1, func(random *rand.Rand) Dataset {
			rows := random.Perm(d.Len())[:(4*d.Len()+4)/5]
			slices.Sort(rows)
			return d.Take(rows)
		}},
	}
	for q, question := range questions {
		answers := make([][]float64, len(arms)) // by arm
		for b := range times {
			instead := question.instead(rand.New(rand.NewPCG(uint64(seed), uint64(q*times+b))))
			gains, err := meanGains(ctx, instead, arms, n, seed)
			if err != nil {
				return t, fmt.Errorf("%s: %w", question.name, err)
			}
			for k, gain := range gains {
				answers[k] = append(answers[k], gain.value)
			}
		}
		for k := 1; k < len(arms); k++ {
			row := []string{question.name, arms[k]}
			for _, v := range []float64{question.leaves * whole[k].value, whole[k].stdErr, stat.Mean(answers[k], nil), slices.Min(answers[k]), slices.Max(answers[k])} {
				row = append(row, significant(v, 3))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t, nil
}

// meanGains returns the mean doubly robust effect of each arm against the first,
// over the rows with a chance of all.
func meanGains(ctx context.Context, d Dataset, arms []string, n Nuisance, seed int64) ([]mean, error) {
	s, err := Score(ctx, d, arms, n, seed)
	if err != nil {
		return nil, err
	}
	j, err := s.judge(Judging{Options: score.Options{Group: d.Group}})
	if err != nil {
		return nil, err
	}
	means := make([]mean, len(arms))
	for k := range arms {
		gains := make([]float64, len(j.rows))
		for i, r := range j.rows {
			gains[i] = s.Value[r][k] - s.Value[r][0]
		}
		means[k] = meanOf(gains, j.o.Group)
	}
	return means, nil
}

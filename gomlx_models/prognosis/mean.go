package prognosis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	models "github.com/assay-ml/assay/gomlx_models"
)

// members returns the models that Mean averages, not yet fitted. What a member's
// configuration leaves out it has of the whole.
func (m *Model[Y, A]) newMembers() ([]*Model[Y, A], error) {
	if len(m.config.Members) == 0 {
		return nil, errors.New("Config.Members is empty: name the models to average")
	}
	var out []*Model[Y, A]
	for _, cfg := range m.config.Members {
		cfg.Features, cfg.Classes, cfg.Pipeline = m.config.Features, m.config.Classes, m.config.Pipeline
		if cfg.Seed == 0 {
			cfg.Seed = m.config.Seed
		}
		out = append(out, &Model[Y, A]{config: cfg, task: m.task})
	}
	return out, nil
}

// fitMembers fits them one after another. They tell no observer of their steps,
// which do not count one thing.
func (m *Model[Y, A]) fitMembers(ctx context.Context, train models.Dataset[Row, Y]) (members []*Model[Y, A], known [][]float64, err error) {
	if members, err = m.newMembers(); err != nil {
		return nil, nil, err
	}
	for _, member := range members {
		if err := member.Fit(ctx, train); err != nil {
			return nil, nil, err
		}
		answers, err := member.Predict(ctx, train.X)
		if err != nil {
			return nil, nil, err
		}
		scale := member.Scale(answers)
		slices.Sort(scale)
		known = append(known, scale)
	}
	return members, known, nil
}

// predictMembers returns the mean of what the members answer.
func (m *Model[Y, A]) predictMembers(ctx context.Context, xs []Row) ([]A, error) {
	all := make([][]A, len(xs)) // of each row, each member's
	for _, member := range m.members {
		answers, err := member.Predict(ctx, xs)
		if err != nil {
			return nil, err
		}
		for i, a := range answers {
			all[i] = append(all[i], a)
		}
	}
	out := make([]A, len(xs))
	for i, answers := range all {
		out[i] = m.task.mean(answers, m.state.Known)
	}
	return out, nil
}

// saveMembers returns each member as its Save writes it.
func (m *Model[Y, A]) saveMembers() (saved [][]byte, err error) {
	for _, member := range m.members {
		var b bytes.Buffer
		if err := member.Save(&b); err != nil {
			return nil, err
		}
		saved = append(saved, b.Bytes())
	}
	return saved, nil
}

func loadMembers[Y, A any](saved [][]byte, task task[Y, A]) (members []*Model[Y, A], err error) {
	for k, b := range saved {
		member, err := load(bytes.NewReader(b), task)
		if err != nil {
			return nil, fmt.Errorf("member %d: %w", k, err)
		}
		members = append(members, member)
	}
	return members, nil
}

func meanValue(answers []float64, _ [][]float64) (mean float64) {
	for _, a := range answers {
		mean += a / float64(len(answers))
	}
	return mean
}

func meanChances(answers, _ [][]float64) []float64 {
	mean := make([]float64, len(answers[0]))
	for _, p := range answers {
		for k, v := range p {
			mean[k] += v / float64(len(answers))
		}
	}
	return mean
}

// meanCurve returns the mean chance of being free of the event, at all times of
// the curves. Risks are on scales of their own: what is averaged is their place
// among those of the training rows, from 0 to 1.
func meanCurve(answers []Curve, known [][]float64) Curve {
	var out Curve
	for _, c := range answers {
		out.Time = append(out.Time, c.Time...)
	}
	slices.Sort(out.Time)
	out.Time = slices.Compact(out.Time)
	out.Survival = make([]float64, len(out.Time))
	for _, c := range answers {
		k := 0 // of the curve's times, those that have passed
		for i, t := range out.Time {
			for k < len(c.Time) && c.Time[k] <= t {
				k++
			}
			free := 1.0
			if k > 0 {
				free = c.Survival[k-1]
			}
			out.Survival[i] += free / float64(len(answers))
		}
	}
	for k, c := range answers {
		out.Risk += place(c.Risk, known[k]) / float64(len(answers))
	}
	return out
}

// place returns the share of sorted values below v, halves of equal ones counted.
func place(v float64, sorted []float64) float64 {
	below := sort.SearchFloat64s(sorted, v)
	upTo := sort.Search(len(sorted), func(i int) bool { return sorted[i] > v })
	return float64(below+upTo) / float64(2*len(sorted))
}

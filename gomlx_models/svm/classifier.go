package svm

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	indices "github.com/assay-ml/assay/gomlx_models/internal/pick"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
)

// Classifier is a machine for each pair of classes a < b, in the order (0, 1),
// (0, 2), …, (1, 2), …; its decision value is positive for b. Two classes have
// the one machine whose value is positive for class 1.
type Classifier struct {
	Config   Config     `json:"config"`
	Classes  int        `json:"classes"`
	Machines []*Machine `json:"machines"`
	Sigmoids []Sigmoid  `json:"sigmoids"` // decision value to probability, a machine each
}

// FitClassifier returns the machines of classes 0 … classes−1. Probabilities
// are Platt's, fitted to decision values of machines that had not seen the rows,
// nor others of their patients (Folds of them): values on rows seen are too far
// apart to be believed.
//
//	x [n, p], class [n]
func FitClassifier(ctx context.Context, x *mat.Dense, class []int, classes int, cfg Config, watch Watch) (*Classifier, error) {
	cfg, err := cfg.check(x, len(class))
	if err != nil {
		return nil, err
	}
	if classes < 2 {
		return nil, fmt.Errorf("%d classes: there must be at least two", classes)
	}
	if cfg.ClassWeight != nil && len(cfg.ClassWeight) != classes {
		return nil, fmt.Errorf("%d classes and %d class weights: give one each, or none", classes, len(cfg.ClassWeight))
	}
	of, patient := make([][]int, classes), patients(cfg.Group, len(class))
	for i, k := range class {
		if k < 0 || k >= classes {
			return nil, fmt.Errorf("row %d has class %d, and there are %d classes", i, k, classes)
		}
		of[k] = append(of[k], i)
	}
	for k, rows := range of {
		if len(rows) < 2 {
			return nil, fmt.Errorf("class %d has %d rows: probabilities are fitted across folds and need at least two", k, len(rows))
		}
		if cfg.Folds != -1 && len(distinct(patient, rows)) < 2 {
			return nil, fmt.Errorf("all rows of class %d are of one patient: probabilities are fitted across patients and need at least two", k)
		}
	}
	c := &Classifier{Config: cfg, Classes: classes}
	var cache []float32
	for a := range classes {
		for b := a + 1; b < classes; b++ {
			pair := pairing{x: x, patient: patient, a: of[a], b: of[b], costA: cfg.cost(a), costB: cfg.cost(b), cfg: cfg, cache: cache}
			machine, values, err := pair.fit(ctx, pair.a, pair.b, watch)
			if err != nil {
				return nil, err
			}
			sigmoid, err := pair.sigmoid(ctx, values)
			if err != nil {
				return nil, err
			}
			cache = pair.cache
			c.Machines, c.Sigmoids = append(c.Machines, machine), append(c.Sigmoids, sigmoid)
		}
	}
	return c, nil
}

func (c Config) cost(class int) float64 {
	if c.ClassWeight == nil {
		return c.C
	}
	return c.C * c.ClassWeight[class]
}

// pairing is the rows of two classes.
type pairing struct {
	x            *mat.Dense
	patient      []int // of every row of x
	a, b         []int
	costA, costB float64
	cfg          Config
	cache        []float32 // of the last fit, for the next
}

// fit returns the machine between rows as of class a and rows bs of class b, and
// its decision values at those rows.
func (p *pairing) fit(ctx context.Context, as, bs []int, watch Watch) (*Machine, []float64, error) {
	n := len(as) + len(bs)
	kernel := newMatrix(pick(p.x, slices.Concat(as, bs)), p.cfg.Kernel, p.cfg.CacheMiB, p.cache)
	p.cache = kernel.cache
	q := problem{target: make([]float64, n), low: make([]float64, n), high: make([]float64, n)}
	for i := range n {
		if i < len(as) {
			q.target[i], q.low[i] = -1, -p.costA
		} else {
			q.target[i], q.high[i] = 1, p.costB
		}
	}
	s, err := q.solve(ctx, kernel, p.cfg.Tolerance, watch)
	if err != nil {
		return nil, nil, err
	}
	return newMachine(kernel.x, p.cfg.Kernel, s), s.values, nil
}

// pick returns the rows of x at the given places.
func pick(x *mat.Dense, at []int) *mat.Dense {
	_, p := x.Dims()
	out := mat.NewDense(len(at), p, nil)
	for i, row := range at {
		out.SetRow(i, x.RawRowView(row))
	}
	return out
}

// sigmoid fits probabilities of b to decision values across folds, or without
// folds to those of the machine of all rows, which are seen.
func (p *pairing) sigmoid(ctx context.Context, seen []float64) (Sigmoid, error) {
	if p.cfg.Folds == -1 {
		positive := make([]bool, len(seen))
		for i := range p.b {
			positive[len(p.a)+i] = true
		}
		return FitSigmoid(seen, positive), nil
	}
	random := rand.New(rand.NewPCG(uint64(p.cfg.Seed), 0x73766d))
	order := func(rows []int) []int {
		out := append([]int(nil), rows...)
		random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	as, bs := order(p.a), order(p.b)
	folds, foldOf := p.deal(as, bs)
	var values []float64
	var positive []bool
	for fold := range folds {
		cut := func(rows []int) (train, test []int) {
			for _, at := range rows {
				if foldOf[p.patient[at]] == fold {
					test = append(test, at)
				} else {
					train = append(train, at)
				}
			}
			return train, test
		}
		trainA, testA := cut(as)
		trainB, testB := cut(bs)
		machine, _, err := p.fit(ctx, trainA, trainB, nil)
		if err != nil {
			return Sigmoid{}, err
		}
		for i, v := range machine.Decide(pick(p.x, slices.Concat(testA, testB))) {
			values, positive = append(values, v), append(positive, i >= len(testA))
		}
	}
	return FitSigmoid(values, positive), nil
}

// deal deals patients to folds in the order of the rows, and returns the number of
// folds and the fold of each patient. There are some of both classes in every fold,
// and so outside it.
func (p *pairing) deal(as, bs []int) (folds int, of map[int]int) {
	inA, inB := distinct(p.patient, as), distinct(p.patient, bs)
	folds, of = min(p.cfg.Folds, len(inA), len(inB)), make(map[int]int, len(inA)+len(inB))
	in := func(rows []int, next int, wanted map[int]bool) int {
		for _, row := range rows {
			id := p.patient[row]
			if _, dealt := of[id]; !dealt && wanted[id] {
				of[id] = next % folds
				next++
			}
		}
		return next
	}
	both := in(as, 0, inB)
	in(as, both, inA)
	in(bs, both, inB)
	return folds, of
}

// patients numbers the patients of n rows; without groups every row has its own.
func patients(group []string, n int) []int {
	if group == nil {
		return indices.All(n)
	}
	ids, known := make([]int, n), make(map[string]int)
	for i, g := range group {
		id, seen := known[g]
		if !seen {
			id = len(known)
			known[g] = id
		}
		ids[i] = id
	}
	return ids
}

// distinct returns the patients of some rows.
func distinct(patient, rows []int) map[int]bool {
	out := make(map[int]bool)
	for _, row := range rows {
		out[patient[row]] = true
	}
	return out
}

// Decide returns the decision values of each row of x, one a machine.
//
//	returns [n][machines]
func (c *Classifier) Decide(x *mat.Dense) [][]float64 {
	n, _ := x.Dims()
	out := make([][]float64, n)
	for m, machine := range c.Machines {
		for i, v := range machine.Decide(x) {
			if m == 0 {
				out[i] = make([]float64, len(c.Machines))
			}
			out[i][m] = v
		}
	}
	return out
}

// Predict returns the probability of each class for each row of x.
//
//	returns [n][classes]
func (c *Classifier) Predict(x *mat.Dense) [][]float64 {
	out := c.Decide(x)
	for i, values := range out {
		pairs := make([][]float64, c.Classes) // [a][b]: probability of a, given that it is a or b
		for a := range pairs {
			pairs[a] = make([]float64, c.Classes)
		}
		m := 0
		for a := range c.Classes {
			for b := a + 1; b < c.Classes; b++ {
				pb := c.Sigmoids[m].At(values[m])
				pairs[a][b], pairs[b][a] = 1-pb, pb
				m++
			}
		}
		if c.Classes == 2 {
			out[i] = []float64{pairs[0][1], pairs[1][0]}
		} else {
			out[i] = couple(pairs)
		}
	}
	return out
}

// Sigmoid turns a decision value into a probability: 1/(1 + exp(−(Slope v + Offset))).
type Sigmoid struct {
	Slope  float64 `json:"slope"`
	Offset float64 `json:"offset"`
}

// At returns the probability at a decision value.
func (s Sigmoid) At(value float64) float64 { return probability.Logistic(s.Slope*value + s.Offset) }

// FitSigmoid returns the sigmoid of greatest likelihood, with targets drawn in
// from 0 and 1 by the counts, so that separated values have a finite one. Platt
// (1999), by the Newton steps of Lin, Lin and Weng, Machine Learning 68 (2007), 267.
func FitSigmoid(values []float64, positive []bool) Sigmoid {
	var n [2]float64
	for _, p := range positive {
		n[index(p)]++
	}
	target := [2]float64{1 / (n[0] + 2), (n[1] + 1) / (n[1] + 2)}
	s := Sigmoid{Offset: math.Log((n[1] + 1) / (n[0] + 1))}
	loss := func(s Sigmoid) float64 {
		sum := 0.0
		for i, v := range values {
			eta := s.Slope*v + s.Offset
			sum += math.Log1p(math.Exp(-math.Abs(eta))) + max(eta, 0) - target[index(positive[i])]*eta
		}
		return sum
	}
	for range 100 {
		var g1, g2, h21 float64
		h11, h22 := 1e-12, 1e-12
		for i, v := range values {
			p := s.At(v)
			r, w := p-target[index(positive[i])], p*(1-p)
			g1 += r * v
			g2 += r
			h11 += w * v * v
			h21 += w * v
			h22 += w
		}
		if math.Abs(g1) < 1e-8 && math.Abs(g2) < 1e-8 {
			break
		}
		det := h11*h22 - h21*h21
		if det == 0 {
			break
		}
		d1, d2 := -(h22*g1-h21*g2)/det, -(h11*g2-h21*g1)/det
		now, t := loss(s), 1.0
		for ; t > 1e-10; t /= 2 {
			next := Sigmoid{Slope: s.Slope + t*d1, Offset: s.Offset + t*d2}
			if loss(next) < now {
				s = next
				break
			}
		}
		if t <= 1e-10 {
			break
		}
	}
	return s
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// couple returns the class probabilities that agree best with those of all
// pairs: the p that minimises Σ (pairs[b][a] p[a] − pairs[a][b] p[b])², whose
// fixed point Wu, Lin and Weng iterate to (JMLR 5 (2004), 975, second approach).
func couple(pairs [][]float64) []float64 {
	k := len(pairs)
	q := make([][]float64, k)
	for a := range q {
		q[a] = make([]float64, k)
		for b := range q[a] {
			if a != b {
				q[a][a] += pairs[b][a] * pairs[b][a]
				q[a][b] = -pairs[b][a] * pairs[a][b]
			}
		}
		q[a][a] = max(q[a][a], 1e-14)
	}
	p := make([]float64, k)
	for a := range p {
		p[a] = 1 / float64(k)
	}
	for range 1000 {
		worst := 0.0
		for a := range p {
			var qp, pqp float64
			for b := range p {
				qp += q[a][b] * p[b]
				for c := range p {
					pqp += p[b] * q[b][c] * p[c]
				}
			}
			worst = max(worst, math.Abs(qp-pqp))
			p[a] += (pqp - qp) / q[a][a]
			sum := 0.0
			for _, v := range p {
				sum += v
			}
			for b := range p {
				p[b] /= sum
			}
		}
		if worst < 1e-10 {
			break
		}
	}
	return p
}

package text

import (
	"context"
	"math"
	"runtime"

	"gonum.org/v1/gonum/floats"

	"github.com/assay-ml/assay/gomlx_models/internal/parallel"
	"github.com/assay-ml/assay/gomlx_models/internal/probability"
)

// logistic is logistic regression on sparse rows: weights of terms and a
// constant for each output. Its loss is
//
//	C Σ weight·(−ln p(label)) + ½ Σ w²    constants not penalised
//
// which is scikit-learn's. With softmax the outputs exclude each other,
// otherwise each is a probability of its own.
type logistic struct {
	Weights   [][]float64 `json:"weights"`   // [output][term]
	Constants []float64   `json:"constants"` // [output]
	Softmax   bool        `json:"softmax"`
}

// scores returns the linear predictors of a row.
func (m *logistic) scores(row []entry, dst []float64) []float64 {
	for k := range m.Weights {
		z := m.Constants[k]
		for _, e := range row {
			z += m.Weights[k][e.at] * e.value
		}
		dst[k] = z
	}
	return dst
}

// rowLoss returns −ln p of a row, p from the scores, and puts its gradient by
// the scores in their place. target is 0 or 1 an output, weight likewise
// counts an output's loss.
func (m *logistic) rowLoss(z, target, weight []float64) float64 {
	loss := 0.0
	if m.Softmax {
		top, sum := math.Inf(-1), 0.0
		for _, v := range z {
			top = max(top, v)
		}
		for _, v := range z {
			sum += math.Exp(v - top)
		}
		w := 0.0
		for k := range z {
			w += target[k] * weight[k]
		}
		for k, v := range z {
			loss += target[k] * w * (math.Log(sum) + top - v)
			z[k] = w * (math.Exp(v-top)/sum - target[k])
		}
		return loss
	}
	for k, v := range z {
		// ln(1+e^v) − target·v without overflow
		loss += weight[k] * (max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))) - target[k]*v)
		z[k] = weight[k] * (probability.Logistic(v) - target[k])
	}
	return loss
}

// fitLogistic minimises the loss by L-BFGS from zero. step is told of the mean
// loss after each iteration; its error ends the search and comes back.
func fitLogistic(ctx context.Context, rows [][]entry, terms int, target, weight [][]float64, softmax bool, c float64, step func(iteration int, loss float64) error) (*logistic, error) {
	outputs := len(target[0])
	m := &logistic{Softmax: softmax, Constants: make([]float64, outputs), Weights: make([][]float64, outputs)}
	unpack := func(x []float64) {
		for k := range outputs {
			m.Weights[k] = x[k*(terms+1) : k*(terms+1)+terms]
			m.Constants[k] = x[k*(terms+1)+terms]
		}
	}
	columns := transposed(rows, terms)
	losses, slopes := make([]float64, len(rows)), make([]float64, len(rows)*outputs)
	loss := func(x, grad []float64) float64 {
		unpack(x)
		inBlocks(len(rows), func(i int) {
			z := m.scores(rows[i], slopes[i*outputs:(i+1)*outputs])
			losses[i] = m.rowLoss(z, target[i], weight[i])
		})
		// By term, so that no two goroutines add to one sum.
		inBlocks(terms, func(t int) {
			for k := range outputs {
				sum := 0.0
				for _, e := range columns[t] {
					sum += slopes[e.at*outputs+k] * e.value
				}
				grad[k*(terms+1)+t] = c*sum + m.Weights[k][t]
			}
		})
		penalty := 0.0
		for k := range outputs {
			sum := 0.0
			for i := range rows {
				sum += slopes[i*outputs+k]
			}
			grad[k*(terms+1)+terms] = c * sum
			penalty += floats.Dot(m.Weights[k], m.Weights[k]) / 2
		}
		return c*floats.Sum(losses) + penalty
	}
	// Where p is 1/2 the Hessian's diagonal is 1 + ¼·C Σ weight·value²: much for
	// frequent terms, little for rare ones.
	curvature := make([]float64, 0, outputs*(terms+1))
	for k := range outputs {
		for _, column := range columns {
			sum := 0.0
			for _, e := range column {
				sum += weight[e.at][k] * e.value * e.value
			}
			curvature = append(curvature, 1+c*sum/4)
		}
		sum := 0.0
		for i := range rows {
			sum += weight[i][k]
		}
		curvature = append(curvature, c*sum/4)
	}
	all := c * float64(len(rows))
	x, err := minimize(loss, make([]float64, outputs*(terms+1)), curvature, 1e-6*all, maxIterations, func(iteration int, value float64) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return step(iteration, value/all)
	})
	if err != nil {
		return nil, err
	}
	unpack(x)
	return m, nil
}

// transposed returns the entries of each term, whose at is then the row.
func transposed(rows [][]entry, terms int) [][]entry {
	counts := make([]int, terms)
	for _, row := range rows {
		for _, e := range row {
			counts[e.at]++
		}
	}
	columns := make([][]entry, terms)
	for t, n := range counts {
		columns[t] = make([]entry, 0, n)
	}
	for i, row := range rows {
		for _, e := range row {
			columns[e.at] = append(columns[e.at], entry{i, e.value})
		}
	}
	return columns
}

// inBlocks calls f(0) … f(n-1), neighbours mostly from one goroutine.
func inBlocks(n int, f func(i int)) {
	const block = 512
	parallel.Each((n+block-1)/block, runtime.GOMAXPROCS(0), func(b int) {
		for i := b * block; i < min(n, (b+1)*block); i++ {
			f(i)
		}
	})
}

// maxIterations is far more than a penalised fit needs.
const maxIterations = 1000

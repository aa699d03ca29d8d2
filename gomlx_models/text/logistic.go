package text

import (
	"context"
	"math"

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
			z += m.Weights[k][e.term] * e.value
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
	m := &logistic{Softmax: softmax, Constants: make([]float64, outputs)}
	for range outputs {
		m.Weights = append(m.Weights, make([]float64, terms))
	}
	unpack := func(x []float64) {
		for k := range outputs {
			m.Weights[k] = x[k*(terms+1) : k*(terms+1)+terms]
			m.Constants[k] = x[k*(terms+1)+terms]
		}
	}
	z := make([]float64, outputs)
	loss := func(x, grad []float64) float64 {
		unpack(x)
		clear(grad)
		data, penalty := 0.0, 0.0
		for i, row := range rows {
			data += m.rowLoss(m.scores(row, z), target[i], weight[i])
			for k, d := range z {
				part := grad[k*(terms+1) : (k+1)*(terms+1)]
				for _, e := range row {
					part[e.term] += c * d * e.value
				}
				part[terms] += c * d
			}
		}
		for k := range outputs {
			for t, w := range m.Weights[k] {
				penalty += w * w / 2
				grad[k*(terms+1)+t] += w
			}
		}
		return c*data + penalty
	}
	all := c * float64(len(rows))
	x, err := minimize(loss, make([]float64, outputs*(terms+1)), 1e-6*all, maxIterations, func(iteration int, value float64) error {
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

// maxIterations is far more than a penalised fit needs.
const maxIterations = 1000

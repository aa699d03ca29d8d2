package text

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
)

// minimize returns the x at which a smooth convex function is least, starting
// from x, which it overwrites, by L-BFGS with backtracking (Nocedal and Wright,
// Numerical Optimization, 2006, algorithm 7.4). f returns the value and puts the
// gradient into grad; curvature is about the diagonal of the Hessian, up to a
// factor, all above zero. The search ends when no part of the gradient is above
// tolerance, or nothing more can be gained; after is called after each iteration
// and its error ends the search and comes back.
func minimize(f func(x, grad []float64) float64, x, curvature []float64, tolerance float64, iterations int, after func(iteration int, value float64) error) ([]float64, error) {
	const memory = 10
	type step struct {
		s, y []float64 // changes of x and of the gradient
		rho  float64   // 1 / s·y
	}
	var past []step
	grad := make([]float64, len(x))
	value := f(x, grad)
	direction := make([]float64, len(x))
	next, nextGrad := make([]float64, len(x)), make([]float64, len(x))
	for iteration := 1; iteration <= iterations; iteration++ {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, errors.New("the loss is not a finite number")
		}
		if floats.Norm(grad, math.Inf(1)) <= tolerance {
			break
		}
		// The two loops: direction = −H·grad, H built from the past steps.
		floats.ScaleTo(direction, -1, grad)
		alpha := make([]float64, len(past))
		for i := len(past) - 1; i >= 0; i-- {
			alpha[i] = past[i].rho * floats.Dot(past[i].s, direction)
			floats.AddScaled(direction, -alpha[i], past[i].y)
		}
		floats.Div(direction, curvature)
		if n := len(past); n > 0 {
			last := past[n-1]
			floats.DivTo(next, last.y, curvature)
			floats.Scale(1/(last.rho*floats.Dot(last.y, next)), direction)
		}
		for i, p := range past {
			floats.AddScaled(direction, alpha[i]-p.rho*floats.Dot(p.y, direction), p.s)
		}

		slope, length := floats.Dot(grad, direction), 1.0
		var nextValue float64
		for {
			floats.AddScaledTo(next, x, length, direction)
			if nextValue = f(next, nextGrad); nextValue <= value+1e-4*length*slope {
				break
			}
			if length /= 2; length < 1e-12 {
				return x, nil // the limit of float64
			}
		}
		var made step
		if len(past) == memory { // the oldest makes room
			made, past = past[0], past[1:]
		} else {
			made = step{s: make([]float64, len(x)), y: make([]float64, len(x))}
		}
		floats.SubTo(made.s, next, x)
		floats.SubTo(made.y, nextGrad, grad)
		if sy := floats.Dot(made.s, made.y); sy > 0 {
			made.rho = 1 / sy
			past = append(past, made)
		}
		gained := value - nextValue
		x, next, grad, nextGrad, value = next, x, nextGrad, grad, nextValue
		if err := after(iteration, value); err != nil {
			return nil, err
		}
		if gained <= 1e-12*math.Abs(value) {
			break
		}
	}
	return x, nil
}

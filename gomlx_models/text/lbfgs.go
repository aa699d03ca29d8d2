package text

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
)

// minimize returns the x at which a smooth convex function is least, starting
// from x, by L-BFGS with backtracking (Nocedal and Wright, Numerical
// Optimization, 2006, algorithm 7.4). f returns the value and puts the gradient
// into grad. The search ends when no part of the gradient is above tolerance,
// or nothing more can be gained; after is called after each iteration and its
// error ends the search and comes back.
func minimize(f func(x, grad []float64) float64, x []float64, tolerance float64, iterations int, after func(iteration int, value float64) error) ([]float64, error) {
	const memory = 10
	type step struct {
		s, y []float64 // changes of x and of the gradient
		rho  float64   // 1 / s·y
	}
	var past []step
	grad := make([]float64, len(x))
	value := f(x, grad)
	for iteration := 1; iteration <= iterations; iteration++ {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, errors.New("the loss is not a finite number")
		}
		if floats.Norm(grad, math.Inf(1)) <= tolerance {
			break
		}
		// The two loops: direction = −H·grad, H built from the past steps.
		direction := make([]float64, len(x))
		floats.AddScaled(direction, -1, grad)
		alpha := make([]float64, len(past))
		for i := len(past) - 1; i >= 0; i-- {
			alpha[i] = past[i].rho * floats.Dot(past[i].s, direction)
			floats.AddScaled(direction, -alpha[i], past[i].y)
		}
		length := 1.0
		if n := len(past); n > 0 {
			last := past[n-1]
			floats.Scale(1/(last.rho*floats.Dot(last.y, last.y)), direction)
		} else {
			length = min(1, 1/floats.Norm(grad, 1)) // nothing is known of the scale yet
		}
		for i, p := range past {
			floats.AddScaled(direction, alpha[i]-p.rho*floats.Dot(p.y, direction), p.s)
		}

		slope := floats.Dot(grad, direction)
		next, nextGrad := make([]float64, len(x)), make([]float64, len(x))
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
		s, y := make([]float64, len(x)), make([]float64, len(x))
		floats.SubTo(s, next, x)
		floats.SubTo(y, nextGrad, grad)
		if curvature := floats.Dot(s, y); curvature > 0 {
			if past = append(past, step{s, y, 1 / curvature}); len(past) > memory {
				past = past[1:]
			}
		}
		gained := value - nextValue
		x, grad, value = next, nextGrad, nextValue
		if err := after(iteration, value); err != nil {
			return nil, err
		}
		if gained <= 1e-12*math.Abs(value) {
			break
		}
	}
	return x, nil
}

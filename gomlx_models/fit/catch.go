package fit

import (
	"fmt"
	"runtime"
)

// catch calls fn and turns a panic of GoMLX's graph building into an error.
// Other panics go on: they are bugs.
func catch(fn func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			panic(p)
		case error:
			err = fmt.Errorf("graph: %w", p)
		default:
			panic(p)
		}
	}()
	return fn()
}

// innermost returns the error below the layers that GoMLX wraps around what a
// hook returned: they name its functions, which tells a user nothing.
func innermost(err error) error {
	for {
		layer, ok := err.(interface{ Cause() error }) // github.com/pkg/errors
		if !ok {
			return err
		}
		err = layer.Cause()
	}
}

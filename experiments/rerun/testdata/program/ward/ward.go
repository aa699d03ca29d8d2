// Package ward knows a ward.
package ward

import (
	_ "embed"
	"strings"
)

//go:embed beds.txt
var beds string

// Beds returns how many beds the ward has.
func Beds() int { return strings.Count(beds, "bed") }

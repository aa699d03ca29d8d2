package modeltest

import (
	"fmt"
	"math"
	"math/rand/v2"

	models "github.com/assay-ml/assay/gomlx_models"
)

// Predictions returns what a classifier of this AUC may answer for 624 films of 590
// patients, which are the same whichever run asks: scores are normal with unit spread
// in both classes.
func Predictions(auc float64, run uint64) models.Predictions {
	films, noise := rand.New(rand.NewPCG(11, 11)), rand.New(rand.NewPCG(run, 12))
	shift := 2 * math.Erfinv(2*auc-1)
	p := models.Predictions{Name: "test", Classes: []string{"normal", "pneumonia"}}
	for i := range 624 {
		class, score := 0, 0.9*films.NormFloat64()+0.43*noise.NormFloat64()
		if i%8 < 5 {
			class, score = 1, score+shift
		}
		prob := 1 / (1 + math.Exp(-shift*(score-shift/2)))
		p.Group = append(p.Group, fmt.Sprintf("patient-%d", i*590/624))
		p.Class, p.Prob = append(p.Class, class), append(p.Prob, []float64{1 - prob, prob})
	}
	return p
}

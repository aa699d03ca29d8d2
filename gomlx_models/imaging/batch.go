package imaging

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/assay-ml/assay/gomlx_models/fit"
)

// films is the fit.Source of a data set.
type films struct {
	*fitted
	set     Dataset
	augment Augment

	mu     sync.Mutex
	ready  []Pixels // decoded and resized, empty until then
	memory int      // of ready, in bytes
}

// readyLimit is how much memory the decoded films of a data set may take.
// Those beyond it are decoded again each epoch.
const readyLimit = 1 << 30

func (f *fitted) source(set Dataset, augment Augment) fit.Source {
	return &films{fitted: f, set: set, augment: augment, ready: make([]Pixels, set.Len())}
}

// Len implements fit.Source.
func (s *films) Len() int { return s.set.Len() }

// Batch implements fit.Source.
//
//	inputs  uint8 [rows, height, width, channels]
//	labels  int32 [rows]; none if the data set has no labels
func (s *films) Batch(epoch int, rows []int) (inputs, labels []*tensors.Tensor, err error) {
	size := s.Height * s.Width * s.Shades
	values := make([]uint8, 0, len(rows)*size)
	for _, row := range rows {
		p, err := s.pixels(row)
		if err != nil {
			return nil, nil, err
		}
		if s.augment != (Augment{}) {
			p = s.augment.vary(p, s.Config.Seed, epoch, row)
		}
		values = append(values, p.Values...)
	}
	inputs = []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, len(rows), s.Height, s.Width, s.Shades)}
	if s.set.Y != nil {
		classes := make([]int32, len(rows))
		for i, row := range rows {
			classes[i] = int32(s.set.Y[row])
		}
		labels = []*tensors.Tensor{tensors.FromFlatDataAndDimensions(classes, len(rows))}
	}
	return inputs, labels, nil
}

// pixels returns a film at the model's size.
func (s *films) pixels(row int) (Pixels, error) {
	s.mu.Lock()
	p := s.ready[row]
	s.mu.Unlock()
	if p.Values != nil {
		return p, nil
	}
	p, err := s.fitFilm(s.set.X[row])
	if err != nil {
		return Pixels{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory+len(p.Values) <= readyLimit {
		s.ready[row] = p
		s.memory += len(p.Values)
	}
	return p, nil
}

// fitFilm decodes a film and brings it to the model's size and channels.
func (f *fitted) fitFilm(film Film) (Pixels, error) {
	p, err := film.Pixels()
	if err != nil {
		return Pixels{}, err
	}
	if f.Config.Size > 0 {
		p = p.Resize(f.Height, f.Width)
	}
	if f.Config.Channels > 0 {
		p = p.withChannels(f.Shades)
	}
	if p.Height != f.Height || p.Width != f.Width || p.Channels != f.Shades {
		return Pixels{}, fmt.Errorf("film %s has %d×%d pixels and %d channels, the model takes %d×%d and %d: set Size and Channels to have films converted",
			film.Name, p.Height, p.Width, p.Channels, f.Height, f.Width, f.Shades)
	}
	return p, nil
}

// momentFilms is from how many films, spread over the data set, the mean and
// deviation of pixels are taken: more would not change their third digit.
const momentFilms = 1000

// moments returns the mean and deviation of each channel, pixels from 0 to 1.
func (f *fitted) moments(set Dataset) (mean, deviation []float64, err error) {
	sum, squares, n := make([]float64, f.Shades), make([]float64, f.Shades), 0.0
	step := max(1, set.Len()/momentFilms)
	for i := 0; i < set.Len(); i += step {
		p, err := f.fitFilm(set.X[i])
		if err != nil {
			return nil, nil, err
		}
		for j, v := range p.Values {
			u := float64(v) / 255
			sum[j%f.Shades] += u
			squares[j%f.Shades] += u * u
		}
		n += float64(p.Height * p.Width)
	}
	for c := range sum {
		mean = append(mean, sum[c]/n)
		deviation = append(deviation, max(1e-3, math.Sqrt(max(0, squares[c]/n-mean[c]*mean[c]))))
	}
	return mean, deviation, nil
}

// holdOut moves whole patients, chosen by seed, from train to validation until
// it has its share of the films.
func holdOut(train Dataset, share float64, seed int64) (rest, validation Dataset) {
	if share < 0 {
		return train, Dataset{}
	}
	who := func(i int) string {
		if train.Group != nil {
			return train.Group[i]
		}
		return fmt.Sprint(i)
	}
	films := map[string]int{}
	var patients []string
	for i := range train.Len() {
		if films[who(i)] == 0 {
			patients = append(patients, who(i))
		}
		films[who(i)]++
	}
	rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(patients), func(i, j int) { patients[i], patients[j] = patients[j], patients[i] })
	held, n := map[string]bool{}, 0
	for _, patient := range patients {
		if float64(n) >= share*float64(train.Len()) || len(held) == len(patients)-1 {
			break
		}
		held[patient] = true
		n += films[patient]
	}
	rest, validation = Dataset{Name: train.Name}, Dataset{Name: "validation"}
	for i := range train.Len() {
		side := &rest
		if held[who(i)] {
			side = &validation
		}
		side.X, side.Y = append(side.X, train.X[i]), append(side.Y, train.Y[i])
		if train.Group != nil {
			side.Group = append(side.Group, train.Group[i])
		}
	}
	return rest, validation
}

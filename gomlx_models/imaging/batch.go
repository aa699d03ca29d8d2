package imaging

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	models "github.com/assay-ml/assay/gomlx_models"
)

// films is the fit.Source of films: they are decoded when a batch needs them.
type films struct {
	*fitted
	x        []Film
	truth    [][]bool // nil if it is not known
	training bool     // films vary, and are kept for the next epoch
	seed     int64    // of how they vary

	mu    sync.Mutex
	ready []Pixels // decoded and resized, empty until then
}

func (f *fitted) source(x []Film, truth [][]bool, training bool) *films {
	s := &films{fitted: f, x: x, truth: truth, training: training, seed: f.Config.Seed}
	if truth != nil { // will be asked for again
		s.ready = make([]Pixels, len(x))
	}
	return s
}

// prepared is the source of pictures that the network gets as they are.
func (f *fitted) prepared(pictures []Pixels) *films {
	return &films{fitted: f, x: make([]Film, len(pictures)), ready: pictures}
}

// Len implements fit.Source.
func (s *films) Len() int { return len(s.x) }

// Batch implements fit.Source.
//
//	inputs  uint8 [rows, height, width, channels]
//	labels  float32 [rows, classes], 1 where the class or label holds; none if that is not known
func (s *films) Batch(epoch int, rows []int) (inputs, labels []*tensors.Tensor, err error) {
	values := make([]uint8, 0, len(rows)*s.Height*s.Width*s.Shades)
	for _, row := range rows {
		p, err := s.pixels(row)
		if err != nil {
			return nil, nil, err
		}
		if s.training {
			p = s.Config.Augment.vary(p, s.Height, s.Width, s.seed, epoch, row)
		} else {
			p = p.middle(s.Height, s.Width)
		}
		values = append(values, p.Values...)
	}
	inputs = []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, len(rows), s.Height, s.Width, s.Shades)}
	if s.truth == nil {
		return inputs, nil, nil
	}
	classes := len(s.Config.Classes)
	targets := make([]float32, len(rows)*classes)
	for i, row := range rows {
		for class, holds := range s.truth[row] {
			if holds {
				targets[i*classes+class] = 1
			}
		}
	}
	return inputs, []*tensors.Tensor{tensors.FromFlatDataAndDimensions(targets, len(rows), classes)}, nil
}

// pixels returns a film as it is before it is cut.
func (s *films) pixels(row int) (Pixels, error) {
	if s.ready == nil {
		return s.fitFilm(s.x[row])
	}
	s.mu.Lock()
	p := s.ready[row]
	s.mu.Unlock()
	if p.Values != nil {
		return p, nil
	}
	p, err := s.fitFilm(s.x[row])
	if err != nil {
		return Pixels{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if size := int64(len(p.Values)); s.ready[row].Values == nil && s.kept.Load()+size <= int64(s.Config.Memory)<<20 {
		s.ready[row] = p
		s.kept.Add(size)
	}
	return p, nil
}

// fitFilm decodes a film and brings it to the size and the channels that the
// model takes, or that it cuts from.
func (f *fitted) fitFilm(film Film) (Pixels, error) {
	p, err := film.Pixels()
	if err != nil {
		return Pixels{}, err
	}
	if f.Config.Size > 0 {
		p = p.Resize(f.Config.Size, f.Config.Size)
	}
	if f.Config.Channels > 0 {
		p = p.withChannels(f.Shades)
	}
	if f.Config.Normalize == "window" {
		p = p.stretch(0.01, 0.99)
	}
	fits := p.Height == f.Height && p.Width == f.Width
	if f.Config.Crop > 0 {
		fits = p.Height >= f.Height && p.Width >= f.Width
	}
	if !fits || p.Channels != f.Shades {
		return Pixels{}, fmt.Errorf("film %s has %d×%d pixels and %d channels, the model takes %d×%d and %d: set Size and Channels to have films converted",
			film.Name, p.Height, p.Width, p.Channels, f.Height, f.Width, f.Shades)
	}
	return p, nil
}

// see returns a film as the network gets it outside training.
func (f *fitted) see(film Film) (Pixels, error) {
	p, err := f.fitFilm(film)
	if err != nil {
		return Pixels{}, err
	}
	return p.middle(f.Height, f.Width), nil
}

// momentFilms is from how many films, spread over the data set, the mean and
// deviation of pixels are taken: more would not change their third digit.
const momentFilms = 1000

// moments returns the mean and deviation of each channel, pixels from 0 to 1.
func (f *fitted) moments(x []Film) (mean, deviation []float64, err error) {
	sum, squares, n := make([]float64, f.Shades), make([]float64, f.Shades), 0.0
	step := max(1, len(x)/momentFilms)
	for i := 0; i < len(x); i += step {
		p, err := f.fitFilm(x[i])
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
func holdOut[Y Outcome](train models.Dataset[Film, Y], share float64, seed int64) (rest, validation models.Dataset[Film, Y]) {
	if share < 0 {
		return train, validation
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
	rest.Name, validation.Name = train.Name, "validation"
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

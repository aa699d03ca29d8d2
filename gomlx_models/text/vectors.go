package text

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
)

// Vectors are word vectors made elsewhere.
type Vectors struct {
	Width int
	Of    map[string][]float32
}

// ReadVectors reads word vectors in the text format of word2vec, whose first
// line holds the number of words and the width, or of GloVe, which has no such
// line. A line is a word and its numbers, separated by spaces; the word itself
// may have spaces in it, as some in GloVe have. Of a word that comes twice the
// first counts. Only words for which keep is true are kept, all if keep is nil.
func ReadVectors(r io.Reader, keep func(word string) bool) (*Vectors, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	v := &Vectors{Of: map[string][]float32{}}
	for number := 1; lines.Scan(); number++ {
		fields := strings.Split(strings.TrimRight(lines.Text(), " \r"), " ")
		if number == 1 && len(fields) == 2 {
			width, err := strconv.Atoi(fields[1])
			if _, countErr := strconv.Atoi(fields[0]); err == nil && countErr == nil && width > 0 {
				v.Width = width
				continue
			}
		}
		if v.Width == 0 {
			v.Width = len(fields) - 1
		}
		if len(fields) <= v.Width || v.Width < 1 {
			return nil, fmt.Errorf("line %d: %d fields, want a word and %d numbers", number, len(fields), max(1, v.Width))
		}
		word := strings.Join(fields[:len(fields)-v.Width], " ")
		if _, ok := v.Of[word]; ok || keep != nil && !keep(word) {
			continue
		}
		vector := make([]float32, v.Width)
		for i, field := range fields[len(fields)-v.Width:] {
			f, err := strconv.ParseFloat(field, 32)
			if err != nil {
				return nil, fmt.Errorf("line %d: %q is not a number", number, field)
			}
			vector[i] = float32(f)
		}
		v.Of[word] = vector
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if v.Width == 0 {
		return nil, fmt.Errorf("there are no word vectors in the file")
	}
	return v, nil
}

// table returns the embedding that training begins with: the vectors of words
// that v has, others near zero.
func (v *Vectors) table(words *vocabulary, seed int64) *tensors.Tensor {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	flat := make([]float32, words.size()*v.Width)
	for i := range flat {
		flat[i] = float32(embeddingSpread * (2*r.Float64() - 1))
	}
	for i, word := range words.Words {
		copy(flat[(firstWord+i)*v.Width:], v.Of[word])
	}
	return tensors.FromFlatDataAndDimensions(flat, words.size(), v.Width)
}

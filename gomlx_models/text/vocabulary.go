package text

// Ids that stand for no word.
const (
	padID     = 0 // after the end of a text
	unknownID = 1 // a word that the vocabulary does not have
	maskID    = 2 // a word hidden in pretraining or by an explanation
	firstWord = 3
)

// vocabulary numbers the words of a network's texts.
type vocabulary struct {
	Words   []string `json:"words"`             // the i-th has id firstWord+i
	Affixes []string `json:"affixes,omitempty"` // the i-th has id 1+i

	ids, affixIDs map[string]int32
}

// learnVocabulary returns the most frequent words, at most size, that occur at
// least minCount times.
func learnVocabulary(texts [][]string, minCount, size int) *vocabulary {
	counts := map[string]int{}
	for _, words := range texts {
		for _, word := range words {
			counts[word]++
		}
	}
	v := &vocabulary{Words: mostFrequent(counts, minCount, size)}
	v.number()
	return v
}

func (v *vocabulary) number() {
	v.ids = make(map[string]int32, len(v.Words))
	for i, word := range v.Words {
		v.ids[word] = int32(firstWord + i)
	}
	v.affixIDs = make(map[string]int32, len(v.Affixes))
	for i, affix := range v.Affixes {
		v.affixIDs[affix] = int32(1 + i)
	}
}

// size is the number of ids.
func (v *vocabulary) size() int { return firstWord + len(v.Words) }

// encode returns the ids of words, of a text without words that of an unknown
// one: a network needs something to read.
func (v *vocabulary) encode(words []string) []int32 {
	ids := make([]int32, len(words))
	for i, word := range words {
		id, ok := v.ids[word]
		if !ok {
			id = unknownID
		}
		ids[i] = id
	}
	if len(ids) == 0 {
		return []int32{unknownID}
	}
	return ids
}

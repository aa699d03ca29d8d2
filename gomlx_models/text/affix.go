package text

import (
	"cmp"
	"maps"
	"slices"
)

// affixLengths are how much of a word's beginning, and of its end, is read
// beside it, in characters.
var affixLengths = [...]int{3, 4, 5}

// affixesOfWord is how many affixes a word has at most.
const affixesOfWord = 2 * len(affixLengths)

// affixes returns the beginnings and ends of a word, "" where it is no longer
// than they are: "nephritis" has neph~ and ~itis in common with words that
// training knows, even if it was never seen itself.
func affixes(word string) (parts [affixesOfWord]string) {
	characters := []rune(word)
	for i, n := range affixLengths {
		if len(characters) <= n {
			break
		}
		parts[2*i], parts[2*i+1] = string(characters[:n])+"~", "~"+string(characters[len(characters)-n:])
	}
	return parts
}

// learnAffixes adds the most frequent affixes of the words of texts, at most
// size, that occur at least minCount times.
func (v *vocabulary) learnAffixes(texts [][]string, minCount, size int) {
	counts := map[string]int{}
	for _, words := range texts {
		for _, word := range words {
			for _, part := range affixes(word) {
				counts[part]++
			}
		}
	}
	delete(counts, "")
	v.Affixes = mostFrequent(counts, minCount, size)
	v.number()
}

// mostFrequent returns the keys that occur at least minCount times, at most
// size, the most frequent first.
func mostFrequent(counts map[string]int, minCount, size int) []string {
	all := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	end := 0
	for end < min(len(all), size) && counts[all[end]] >= minCount {
		end++
	}
	return all[:end]
}

// encodeAffixes returns the ids of the affixes of words, affixesOfWord a word;
// 0 stands for none. A text without words has one, as encode says.
func (v *vocabulary) encodeAffixes(words []string) []int32 {
	ids := make([]int32, max(1, len(words))*affixesOfWord)
	for i, word := range words {
		for j, part := range affixes(word) {
			ids[i*affixesOfWord+j] = v.affixIDs[part]
		}
	}
	return ids
}

package store

import (
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	idLen  = 10
	digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	// An id is the time since idEpoch in idUnits, in seven digits of which the
	// first is a letter (26 · 36⁶ units reach into 2068), and three random ones.
	idUnit   = 25 * time.Millisecond
	idRandom = 36 * 36 * 36
)

var idEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// newID returns an id for a run that started at t.
func newID(t time.Time) RunID {
	units := max(0, t.Sub(idEpoch)/idUnit)
	n := uint64(units)*idRandom + rand.Uint64N(idRandom)
	var id [idLen]byte
	for i := idLen - 1; i > 0; i-- {
		id[i] = digits[n%36]
		n /= 36
	}
	id[0] = digits[10+min(n, 25)]
	return RunID(id[:])
}

func (id RunID) valid() bool {
	if len(id) != idLen || id[0] < 'a' {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

var (
	adjectives = [...]string{
		"amber", "bold", "brisk", "calm", "clear", "crisp", "deft", "eager", "early", "fair", "fleet", "fresh",
		"gentle", "glad", "golden", "keen", "kind", "late", "light", "lively", "lucid", "mellow", "neat", "nimble",
		"noble", "patient", "plain", "proud", "quick", "quiet", "rapid", "sharp", "silver", "sleek", "steady",
		"still", "sunny", "swift", "tidy", "true", "vivid", "warm", "wise", "witty",
	}
	birds = [...]string{
		"bittern", "bunting", "crane", "curlew", "dipper", "dove", "dunlin", "egret", "falcon", "finch", "gannet",
		"godwit", "grebe", "gull", "harrier", "heron", "hoopoe", "ibis", "jackdaw", "jay", "kestrel", "kite",
		"lapwing", "lark", "linnet", "magpie", "martin", "merlin", "oriole", "osprey", "owl", "petrel", "pipit",
		"plover", "puffin", "raven", "robin", "rook", "siskin", "snipe", "starling", "stork", "swallow", "swift",
		"teal", "tern", "thrush", "warbler", "wigeon", "wren",
	}
)

// readableName returns a name such as "brisk-heron-12".
func readableName() string {
	return fmt.Sprintf("%s-%s-%d", adjectives[rand.IntN(len(adjectives))], birds[rand.IntN(len(birds))], 1+rand.IntN(99))
}

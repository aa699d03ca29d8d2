// Package causal holds the two estimators of treatment effects that are made of
// trees: the causal forest, which says how large an effect is and how sure one can
// be of it, and the policy tree, which says in a rule short enough to read aloud
// who should get which arm.
//
//	forest, err := causal.Grow(ctx, x, w, y, causal.Config{Seed: 1})
//	effects := forest.Effects(test)                    // value and standard error
//	rule, err := causal.Policy(x, scores, causal.PolicyConfig{Depth: 2})
//
// A forest blurs an effect that is steep or has corners, and its intervals know
// nothing of that: Config.Correct makes up for most of it.
//
// It is plain Go on package tree: what the treatment was given for, and whether
// two patients can be compared at all, is the business of package treatment.
package causal

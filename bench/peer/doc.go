// Package peer is what the benchmarks share: Python environments for the peers,
// each made on first use below .venv; one program at a time, with the peak of its
// memory; and one Markdown table in which every figure has its ratio beside it.
package peer

package main

import (
	"fmt"
	"io"

	"github.com/assay-ml/assay/bench/peer"
)

func columns(w work) []peer.Column {
	return []peer.Column{
		{Name: "kept", Title: fmt.Sprintf("kept of %d after kill -9", killPoints), Format: peer.Whole, Better: peer.Alone},
		{Name: "single", Title: "points/s, 1 a call", Format: peer.Whole, Better: peer.More},
		{Name: "ten", Title: "10 a call", Format: peer.Whole, Better: peer.More},
		{Name: "bulk", Title: "in bulk", Format: peer.Whole, Better: peer.More},
		{Name: "list", Title: "list " + peer.Whole(float64(w.Runs)) + " runs", Format: peer.Ms},
		{Name: "history", Title: "history of " + peer.Whole(float64(w.History)), Format: peer.Ms},
		{Name: "page", Title: "first page", Format: peer.Ms},
		{Name: "memory", Title: "its server", Format: peer.MB},
	}
}

// write writes the table and what its figures mean.
func write(w io.Writer, done work, rows []peer.Row) {
	peer.Write(w, columns(done), rows)
	fmt.Fprintf(w, `
In brackets: how many times as much %s does, or how many times as fast or small
it is. Points a call are the best of three runs, and count until they are in the
tracker's store; list and history are medians. assay and go-sqlite3 are called
from Go, FastTrackML over HTTP, the others from Python. Aim's readers find a
run, also a killed one, only after a reindex, which is not in its times. Measured with `+"`make bench`"+`
on %s.
`, rows[0].Name, peer.Machine())
}

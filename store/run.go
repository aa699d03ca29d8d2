package store

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"time"
)

// RunID names a run: ten lower-case letters and digits that start with a
// letter and sort by the time at which the run started. A unique prefix is
// enough for Resolve.
type RunID string

// Digest is the sha256 of some content, in hex.
type Digest string

// Status says how a run stands.
type Status string

const (
	Running     Status = "running"
	Finished    Status = "finished"
	Failed      Status = "failed"      // the error is in Run.Message
	Killed      Status = "killed"      // the process is gone and nobody called End
	Interrupted Status = "interrupted" // the user stopped it
)

// Value is the value of a param: a string, an int64, a float64 or a bool.
// Other integers and floats are widened when they are kept; anything else is
// kept as JSON and comes back as json.RawMessage.
type Value any

// NewRun describes a run to start. Only Experiment is required.
type NewRun struct {
	Experiment string            // made if new
	Name       string            // "" means a readable one such as "brisk-heron-12"
	Parent     RunID             // of a nested run
	RerunOf    RunID             // the run that this one repeats
	Group      string            // of runs that belong together: folds, seeds, a sweep
	Tags       map[string]string // more can come later
	Origin     Origin
	Env        map[string]string // go version, OS, CPU, backend …

	// For importers of runs that happened elsewhere.
	ID      RunID     // "" means a new one
	Started time.Time // zero means now
}

// Origin says which code a run ran.
type Origin struct {
	Notebook string   `json:"notebook,omitempty"` // path
	Cell     string   `json:"cell,omitempty"`     // id
	Order    int      `json:"order,omitempty"`    // execution count of the cell
	Source   string   `json:"source,omitempty"`   // of the cell
	Program  string   `json:"program,omitempty"`  // path of the executable
	Args     []string `json:"args,omitempty"`
	Dir      string   `json:"dir,omitempty"` // working folder
	Run      int      `json:"run,omitempty"` // its number among the runs of the program, from 1
}

// Experiment is a named set of runs.
type Experiment struct {
	Name        string    `json:"name"`
	Note        string    `json:"note"`
	Created     time.Time `json:"created"`
	Runs        int       `json:"runs"`         // not counting those in the trash
	LastStarted time.Time `json:"last_started"` // zero if it has no runs
}

// Run is all that is small about a run.
type Run struct {
	ID         RunID
	Experiment string
	Name       string
	Status     Status
	Message    string    // why it failed
	Started    time.Time // UTC
	Ended      time.Time // zero while it runs; of a killed run, when it was last heard of
	Parent     RunID
	RerunOf    RunID
	Verdict    string // of a rerun: what comparing it with RerunOf said
	Group      string
	Note       string
	Tags       map[string]string
	Params     map[string]Value
	Metrics    map[string]Metric
	Origin     Origin
	Env        map[string]string
	Host       string
	PID        int
	LastStep   int64 // the last step it reached
	Points     int64 // logged in all
	Done       int64 // of Planned steps; both zero if the run never said
	Planned    int64
	Archived   bool
	Trashed    time.Time // zero unless it is in the trash

	// Only Store.Run fills these.
	Children []RunID
	Reruns   []RunID
}

// Metric sums up one series.
type Metric struct {
	Count                  int64 // points, of which
	NaNs, PosInfs, NegInfs int64
	Last                   float64 // bit for bit
	LastStep               int64
	LastTime               time.Time
	Min, Max               float64 // of the finite values; NaN if there are none
	MinStep, MaxStep       int64   // where each was first seen
	Low, High              float64 // 95 % interval of a final metric; NaN if it has none
}

// Point is one value of a series. Time is kept to the microsecond.
type Point struct {
	Step  int64
	Time  time.Time
	Value float64
}

// Figure is a chart as data: an ECharts option.
type Figure struct {
	ID     string
	Title  string
	Option json.RawMessage
	Alt    string // what it shows, in words
	Height int    // in pixels; 0 means the reader's default
}

// Report is a models.Report as JSON, under the name it was recorded with.
type Report struct {
	Name string
	Data json.RawMessage
}

// Artifact is a file that a run left.
type Artifact struct {
	Name      string
	MediaType string
	Size      int64
	Digest    Digest
	Added     time.Time
}

// DataUse is one split of a data set that a run read.
type DataUse struct {
	Name  string // of the data set
	Split string // "train", "validation", "test"; "" if it has none
	Rows  int64
	Files []DataFile
}

// Folder returns the innermost folder that all files of the data set are in.
func (d DataUse) Folder() string {
	if len(d.Files) == 0 {
		return ""
	}
	common := filepath.Dir(d.Files[0].Path)
	for _, f := range d.Files[1:] {
		for common != filepath.Dir(common) && !strings.HasPrefix(f.Path, common+string(filepath.Separator)) {
			common = filepath.Dir(common)
		}
	}
	return common
}

// DataFile is one file of a data set.
type DataFile struct {
	Path   string
	Size   int64
	Digest Digest
}

// Output is a piece of what a run printed.
type Output struct {
	Time   time.Time
	Stream string // "stdout" or "stderr"
	Text   string
}

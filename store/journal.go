package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

// While a run is written, what it logs goes first to its journal, a file of its
// own that needs no lock: one write(2) a call, after which the bytes are the
// kernel's and outlive the process. A few times a second the journal is folded
// into the store file (see fold.go): the writer starts the next segment, puts
// what the full one holds and the number of the next into the store in one
// transaction, and deletes it. Whoever finds the journal of a process that is
// gone folds it the same way.
//
//	assay.db-live/RUN.lock     locked while the run's process lives; touched as a heartbeat
//	assay.db-live/RUN.0        a segment: records, one after another
//
//	record: ┌──────────┬────────┬─────────────┐
//	        │ size     │ crc32c │ size bytes  │   size and crc32c: 4 bytes, LE
//	        └──────────┴────────┴─────────────┘
//	step:   's' step time count (name value)…     the points of one step
//	bulk:   'b' name count (Δstep Δtime value)…   points of one series
//	final:  'f' step time name value low high     a final metric with its interval
//	output: 'o' time stream text                  a piece of what the program printed
//	end:    'e' time status message
//
// Integers are varints, values the 8 bytes of a float64, strings their size and
// bytes. A name is its number in this segment; the number that comes next means
// that the name itself follows. A record cut short by a crash fails its checksum
// and is the last of its segment; the call that wrote it had not returned.
const (
	recordStep   = 's'
	recordBulk   = 'b'
	recordFinal  = 'f'
	recordOutput = 'o'
	recordEnd    = 'e'

	recordHead  = 8
	maxRecord   = 1 << 20 // of what we write; Append cuts its points to fit
	segmentSize = 8 << 20 // a larger segment is folded at once
	maxBacklog  = 64 << 20
)

// journal appends records to the segments of one run. Its owner serialises calls.
type journal struct {
	dir     string
	run     RunID
	segment int64
	file    *os.File // nil until the segment has a record
	size    int64    // of the whole records in file
	points  int64    // in the segment, with those in the backlog
	names   map[string]uint64
	fresh   []string // names that the record being made has given numbers
	buf     []byte   // the record being made

	// When the disk is full the records wait here, and are written when it has
	// room again.
	backlog       []byte
	backlogPoints int64
	retry         time.Time // when to try again
	lost          int64     // points for which the backlog had no room
	err           error     // why the last write did not succeed
}

func liveDir(store string) string { return store + "-live" }

func segmentFile(dir string, run RunID, segment int64) string {
	return filepath.Join(dir, fmt.Sprintf("%s.%d", run, segment))
}

func lockFile(dir string, run RunID) string { return filepath.Join(dir, string(run)+".lock") }

// begin starts a record.
func (j *journal) begin(kind byte) {
	j.fresh = j.fresh[:0]
	j.buf = append(j.buf[:0], make([]byte, recordHead)...)
	j.buf = append(j.buf, kind)
}

func (j *journal) varint(x int64) { j.buf = binary.AppendVarint(j.buf, x) }

func (j *journal) uvarint(x uint64) { j.buf = binary.AppendUvarint(j.buf, x) }

func (j *journal) value(v float64) {
	j.buf = binary.LittleEndian.AppendUint64(j.buf, math.Float64bits(v))
}

func (j *journal) string(s string) {
	j.uvarint(uint64(len(s)))
	j.buf = append(j.buf, s...)
}

func (j *journal) name(name string) {
	number, known := j.names[name]
	if !known {
		number = uint64(len(j.names))
		j.names[name] = number
		j.fresh = append(j.fresh, name)
	}
	j.uvarint(number)
	if !known {
		j.string(name)
	}
}

// commit writes the record. When the disk cannot take it, it waits in memory.
func (j *journal) commit(points int64) {
	binary.LittleEndian.PutUint32(j.buf, uint32(len(j.buf)-recordHead))
	binary.LittleEndian.PutUint32(j.buf[4:], checksum(j.buf[recordHead:]))
	if len(j.backlog) == 0 {
		if j.write(j.buf) {
			j.points += points
			return
		}
		j.retry = time.Now().Add(backlogRetry)
	}
	if len(j.backlog)+len(j.buf) > maxBacklog {
		for _, name := range j.fresh {
			delete(j.names, name)
		}
		j.lost += points
		return
	}
	j.backlog = append(j.backlog, j.buf...)
	j.backlogPoints += points
	j.points += points
	if time.Now().After(j.retry) {
		j.flush()
	}
}

// backlogRetry is how long a full disk is left alone.
const backlogRetry = 200 * time.Millisecond

// flush writes what waits in memory, and says whether nothing is left.
func (j *journal) flush() bool {
	if len(j.backlog) > 0 {
		if !j.write(j.backlog) {
			j.retry = time.Now().Add(backlogRetry)
			return false
		}
		j.backlog, j.backlogPoints = nil, 0
	}
	return true
}

// write appends whole records to the segment, or nothing.
func (j *journal) write(records []byte) bool {
	if j.file == nil {
		if j.file, j.err = createIn(j.dir, segmentFile(j.dir, j.run, j.segment), os.O_TRUNC); j.err != nil {
			j.file = nil
			return false
		}
	}
	if _, j.err = j.file.WriteAt(records, j.size); j.err != nil {
		// What a failed write left must not be taken for records later.
		j.err = errors.Join(j.err, j.file.Truncate(j.size))
		return false
	}
	j.size += int64(len(records))
	return true
}

// createIn opens file, which it creates if it is not there, and its folder if
// another run's end has removed it. flags are more of os.OpenFile's.
func createIn(dir, file string, flags int) (*os.File, error) {
	flags |= os.O_CREATE | os.O_RDWR
	f, err := os.OpenFile(file, flags, 0o644)
	for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 10; tries++ {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(file, flags, 0o644)
	}
	return f, err
}

// rotate closes the segment and starts the next. The backlog must be empty. It
// returns the number of the closed one.
func (j *journal) rotate() int64 {
	if j.file != nil {
		j.file.Close() // every byte went through write(2), there is nothing left to fail
		j.file = nil
	}
	j.size, j.points = 0, 0
	clear(j.names)
	j.segment++
	return j.segment - 1
}

// batch is what a segment holds, in order of logging within each series.
type batch struct {
	names  []string
	series []columns // one a name
	finals []final
	output []Output
	end    *ending

	lastStep int64 // the largest
	points   int64
}

type final struct {
	name      int
	low, high float64
}

type ending struct {
	time    int64
	status  Status
	message string
}

// read adds the records of a segment, up to the first that is damaged, and
// returns how many bytes they take.
func (b *batch) read(data []byte) int {
	used := 0
	for {
		rest := data[used:]
		if len(rest) < recordHead {
			return used
		}
		size := binary.LittleEndian.Uint32(rest)
		if size == 0 || uint64(size) > uint64(len(rest)-recordHead) {
			return used
		}
		body := rest[recordHead : recordHead+size]
		if checksum(body) != binary.LittleEndian.Uint32(rest[4:]) {
			return used
		}
		b.record(reader{data: body})
		used += recordHead + int(size)
	}
}

// record adds one record. A record that passed its checksum is as we wrote it.
func (b *batch) record(r reader) {
	switch r.byte() {
	case recordStep:
		step, time := r.varint(), r.varint()
		for range r.uvarint() {
			b.add(b.name(&r), step, time, r.bits())
		}
	case recordBulk:
		name := b.name(&r)
		var step, time int64
		for range r.uvarint() {
			step += r.varint()
			time += r.varint()
			b.add(name, step, time, r.bits())
		}
	case recordFinal:
		step, time := r.varint(), r.varint()
		name := b.name(&r)
		b.add(name, step, time, r.bits())
		b.finals = append(b.finals, final{name, math.Float64frombits(r.bits()), math.Float64frombits(r.bits())})
	case recordOutput:
		b.output = append(b.output, Output{fromMicros(r.varint()), r.string(), r.string()})
	case recordEnd:
		b.end = &ending{r.varint(), Status(r.string()), r.string()}
	}
}

func (b *batch) add(name int, step, time int64, bits uint64) {
	if b.points == 0 || step > b.lastStep {
		b.lastStep = step
	}
	b.points++
	b.series[name].add(step, time, bits)
}

func (b *batch) name(r *reader) int {
	number := int(r.uvarint())
	if number == len(b.names) {
		b.names = append(b.names, r.string())
		b.series = append(b.series, columns{})
	}
	return number
}

// reader takes a record apart.
type reader struct{ data []byte }

func (r *reader) byte() byte {
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.data)
	r.data = r.data[n:]
	return x
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.data)
	r.data = r.data[n:]
	return x
}

func (r *reader) bits() uint64 {
	x := binary.LittleEndian.Uint64(r.data)
	r.data = r.data[8:]
	return x
}

func (r *reader) string() string {
	n := r.uvarint()
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}

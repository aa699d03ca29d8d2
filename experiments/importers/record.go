package importers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
)

// An event file is a row of TFRecords:
//
//	┌────────┬────────────────┬───────┬──────────────┐
//	│ length │ crc of length  │ data  │ crc of data  │
//	│ 8, LE  │ 4, LE          │       │ 4, LE        │
//	└────────┴────────────────┴───────┴──────────────┘
//
// A crc is crc32c, masked. TensorFlow's core/lib/io/record_writer.h, core/lib/hash/crc32c.h.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func maskedCRC(b []byte) uint32 {
	crc := crc32.Checksum(b, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

var (
	// errCutShort is the end of a file whose last record is not whole, as a killed
	// program leaves it, or one that has not written it all yet.
	errCutShort = errors.New("its last record is not whole")
	errRecord   = errors.New("a checksum does not fit: the file is damaged")
)

// maxRecord is the size of the largest record that we read.
const maxRecord = 1 << 30

// records goes through the records of an event file. What it yields is valid
// until the next one. It ends with errCutShort or errRecord where whole records end.
func records(file io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		r := bufio.NewReaderSize(file, 1<<16)
		var head [12]byte
		var data []byte
		at := int64(0)
		for {
			if n, err := io.ReadFull(r, head[:]); err != nil {
				if n > 0 {
					yield(nil, errCutShort)
				} else if err != io.EOF {
					yield(nil, err)
				}
				return
			}
			size := binary.LittleEndian.Uint64(head[:])
			if maskedCRC(head[:8]) != binary.LittleEndian.Uint32(head[8:]) || size > maxRecord {
				yield(nil, fmt.Errorf("at byte %d %w", at, errRecord))
				return
			}
			// What the file does not have must not be made room for.
			var err error
			if data, err = readGrowing(r, data[:0], int(size)+4); err != nil {
				yield(nil, errCutShort)
				return
			}
			if maskedCRC(data[:size]) != binary.LittleEndian.Uint32(data[size:]) {
				yield(nil, fmt.Errorf("at byte %d %w", at, errRecord))
				return
			}
			if !yield(data[:size], nil) {
				return
			}
			at += int64(len(head) + len(data))
		}
	}
}

// readGrowing appends n bytes of r to b, a megabyte at a time.
func readGrowing(r io.Reader, b []byte, n int) ([]byte, error) {
	for n > 0 {
		piece := min(n, 1<<20)
		start := len(b)
		b = append(b, make([]byte, piece)...)
		if _, err := io.ReadFull(r, b[start:]); err != nil {
			return b, err
		}
		n -= piece
	}
	return b, nil
}

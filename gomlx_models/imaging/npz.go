package imaging

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// array is one .npy array of whole numbers, in C order.
type array struct {
	shape []int
	bytes []uint8 // of "|u1"
	ints  []int   // of wider types
}

// len returns the number of rows.
func (a array) len() int { return a.shape[0] }

// width returns how many numbers a row has.
func (a array) width() int {
	n := 1
	for _, d := range a.shape[1:] {
		n *= d
	}
	return n
}

// row returns the numbers of the i-th row.
func (a array) row(i int) []int {
	row := make([]int, a.width())
	for j := range row {
		if k := i*len(row) + j; a.bytes != nil {
			row[j] = int(a.bytes[k])
		} else {
			row[j] = a.ints[k]
		}
	}
	return row
}

// npzLimit bounds what one array may take in memory: a header can claim anything.
const npzLimit = 16 << 30

// readNPZ reads the arrays of an .npz file that are called one of names, and
// says which are missing.
func readNPZ(file string, names ...string) (map[string]array, error) {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s is not an .npz file, or a damaged one (%w)", file, err)
	}
	defer archive.Close()
	arrays := map[string]array{}
	for _, name := range names {
		f, err := archive.Open(name + ".npy")
		if err != nil {
			var there []string
			for _, entry := range archive.File {
				there = append(there, strings.TrimSuffix(path.Base(entry.Name), ".npy"))
			}
			return nil, fmt.Errorf("%s has no array %s: it has %s", file, name, strings.Join(there, ", "))
		}
		arrays[name], err = readNPY(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: array %s: %w", file, name, err)
		}
	}
	return arrays, nil
}

var (
	npyDescr   = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape':\s*\(([\d,\s]*)\)`)
)

// readNPY reads one array of whole numbers, NumPy format 1.0 to 3.0:
//
//	┌───────────┬─────────┬───────────────┬──────────────────────────────┬──────┐
//	│ \x93NUMPY │ version │ header length │ {'descr': '|u1', … 'shape' …}│ data │
//	│ 6 bytes   │ 2 bytes │ uint16 or 32  │ text                         │      │
//	└───────────┴─────────┴───────────────┴──────────────────────────────┴──────┘
func readNPY(r io.Reader) (array, error) {
	in := bufio.NewReader(r)
	start := make([]byte, 8)
	if _, err := io.ReadFull(in, start); err != nil || string(start[:6]) != "\x93NUMPY" {
		return array{}, errors.New("not a .npy array")
	}
	length := make([]byte, 2)
	if start[6] > 1 {
		length = make([]byte, 4)
	}
	if _, err := io.ReadFull(in, length); err != nil {
		return array{}, errCutShort
	}
	size := int(binary.LittleEndian.Uint16(length))
	if len(length) == 4 {
		size = int(binary.LittleEndian.Uint32(length))
	}
	if size > 1<<20 {
		return array{}, fmt.Errorf("its header says that it is %d bytes long", size)
	}
	header := make([]byte, size)
	if _, err := io.ReadFull(in, header); err != nil {
		return array{}, errCutShort
	}
	descr, fortran, shape := npyDescr.FindSubmatch(header), npyFortran.FindSubmatch(header), npyShape.FindSubmatch(header)
	if descr == nil || fortran == nil || shape == nil {
		return array{}, errors.New("its header cannot be read")
	}
	if string(fortran[1]) == "True" {
		return array{}, errors.New("it is in Fortran order: save it with numpy.ascontiguousarray")
	}
	a := array{}
	count := 1
	for text := range strings.SplitSeq(string(shape[1]), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n > npzLimit || n != 0 && count > npzLimit/n {
			return array{}, fmt.Errorf("its shape (%s) is too large", shape[1])
		}
		if n == 0 && len(a.shape) > 0 {
			return array{}, fmt.Errorf("its rows are empty: its shape is (%s)", shape[1])
		}
		count *= n
		a.shape = append(a.shape, n)
	}
	if len(a.shape) == 0 {
		return array{}, errors.New("it is a single number, not rows")
	}
	return a, a.read(in, string(descr[1]), count)
}

var errCutShort = errors.New("it is cut short")

// read reads count numbers of a NumPy type.
func (a *array) read(in io.Reader, descr string, count int) error {
	width, order := 1, binary.ByteOrder(binary.LittleEndian)
	switch kind := strings.TrimLeft(descr, "<>|="); kind {
	case "u1", "i1", "b1", "u2", "i2", "u4", "i4", "u8", "i8":
		width = int(kind[1] - '0')
	default:
		return fmt.Errorf("it is of type %q: whole numbers are needed, films as uint8", descr)
	}
	if descr[0] == '>' {
		order = binary.BigEndian
	}
	// Grown as data comes, so that a false header cannot ask for memory.
	raw, err := io.ReadAll(io.LimitReader(in, int64(count)*int64(width)))
	if err != nil {
		return fmt.Errorf("it is damaged (%w)", err)
	}
	if len(raw) != count*width {
		return errCutShort
	}
	if descr[1:] == "u1" || descr[1:] == "b1" {
		a.bytes = raw
		return nil
	}
	signed := strings.Contains(descr, "i")
	a.ints = make([]int, count)
	for i := range a.ints {
		b := raw[i*width:]
		switch {
		case width == 1:
			a.ints[i] = int(int8(b[0]))
		case width == 2 && signed:
			a.ints[i] = int(int16(order.Uint16(b)))
		case width == 2:
			a.ints[i] = int(order.Uint16(b))
		case width == 4 && signed:
			a.ints[i] = int(int32(order.Uint32(b)))
		case width == 4:
			a.ints[i] = int(order.Uint32(b))
		default:
			v := order.Uint64(b)
			if !signed && v > math.MaxInt64 {
				return fmt.Errorf("number %d is too large", v)
			}
			a.ints[i] = int(v)
		}
	}
	return nil
}

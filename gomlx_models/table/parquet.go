package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ReadParquet reads a Parquet file of flat columns. Numbers and booleans (0 and
// 1) are Number columns, text is Category unless o declares it Number; null is
// missing. A file that breaks the format is an error.
func ReadParquet(r io.ReaderAt, size int64, o Options) (f *Frame, err error) {
	// The decoder trusts what the file says of itself, and panics where a
	// damaged one lies.
	defer func() {
		if broken := recover(); broken != nil {
			f, err = nil, fmt.Errorf("the Parquet file is damaged: %v", broken)
		}
	}()
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(r, size)
	if err != nil {
		return nil, fmt.Errorf("the Parquet file cannot be read: %w", err)
	}
	fields := file.Root().Columns()
	columns := make([]parquetColumn, len(fields))
	for j, c := range fields {
		if !c.Leaf() || c.Repeated() {
			return nil, fmt.Errorf("column %q is nested: only flat columns can be read", c.Name())
		}
		columns[j].name = c.Name()
		switch c.Type().Kind() {
		case parquet.ByteArray, parquet.FixedLenByteArray:
			columns[j].text = true
		case parquet.Int96:
			return nil, fmt.Errorf("column %q has the outdated type int96: write it as a 64-bit time", c.Name())
		}
	}
	for _, group := range file.Metadata().RowGroups {
		for j := range group.Columns {
			// The decoder makes room for LZ4 by doubling until a page fits, which
			// a damaged page never does.
			if codec := group.Columns[j].MetaData.Codec; codec == format.Lz4Raw {
				return nil, fmt.Errorf("the Parquet file is compressed by %v: write it with Snappy or Zstandard", codec)
			}
		}
	}
	for _, group := range file.RowGroups() {
		if err := readRows(group.Rows(), columns); err != nil {
			return nil, fmt.Errorf("the Parquet file cannot be read: %w", err)
		}
	}
	f = &Frame{}
	for _, c := range columns {
		if len(c.numbers)+len(c.texts) != len(columns[0].numbers)+len(columns[0].texts) {
			return nil, errors.New("the Parquet file is damaged: its columns differ in length")
		}
		column, err := c.finish(o)
		if err != nil {
			return nil, err
		}
		f.Columns = append(f.Columns, column)
	}
	return f, o.check(f)
}

// checkFooter checks what the decoder makes room for unseen: the last 8 bytes are
// the length of the footer and a magic number.
func checkFooter(r io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return fmt.Errorf("%d bytes are no Parquet file", size)
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil {
		return fmt.Errorf("the Parquet file cannot be read: %w", err)
	}
	if string(end[4:]) != "PAR1" {
		return errors.New("the file does not end as a Parquet file does: it may be cut short")
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > size-12 {
		return fmt.Errorf("the Parquet file is damaged: its footer claims %d bytes of a file of %d", n, size)
	}
	return nil
}

type parquetColumn struct {
	name    string
	text    bool
	texts   []string
	numbers []float64
}

func readRows(rows parquet.Rows, columns []parquetColumn) error {
	defer rows.Close()
	block := make([]parquet.Row, 256)
	for {
		n, err := rows.ReadRows(block)
		for _, row := range block[:n] {
			for _, v := range row {
				columns[v.Column()].add(v)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrNoProgress
		}
	}
}

func (c *parquetColumn) add(v parquet.Value) {
	switch {
	case c.text && v.IsNull():
		c.texts = append(c.texts, "")
	case c.text:
		c.texts = append(c.texts, string(v.ByteArray()))
	default:
		c.numbers = append(c.numbers, numberOf(v))
	}
}

func numberOf(v parquet.Value) float64 {
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	case parquet.Int32:
		return float64(v.Int32())
	case parquet.Int64:
		return float64(v.Int64())
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	}
	return math.NaN() // null
}

func (c *parquetColumn) finish(o Options) (Column, error) {
	if c.text {
		if _, declared := o.Kinds[c.name]; !declared {
			o.Kinds = map[string]Kind{c.name: Category}
		}
		return o.column(c.name, c.texts)
	}
	for i, v := range c.numbers {
		if math.IsInf(v, 0) {
			return Column{}, fmt.Errorf("column %q, row %d: %v is not a finite number", c.name, i, v)
		}
	}
	n := o.numbers(c.name, c.numbers)
	if o.Kinds[c.name] == Category {
		texts := make([]string, n.Len())
		for i := range texts {
			texts[i] = n.Text(i)
		}
		return CategoryColumn(c.name, texts), nil
	}
	return n, nil
}

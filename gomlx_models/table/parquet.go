package table

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ReadParquet reads a Parquet file of flat columns. Numbers, decimals, booleans (0
// and 1) and times (as the file counts them) are Number columns, text is Category
// unless o declares it Number; null is missing. A file that breaks the format is an
// error, and so are whole numbers from 2⁵³ on that o does not declare Category: they
// are identifiers, and a float64 would take neighbours for one.
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
		if columns[j], err = newParquetColumn(c, o); err != nil {
			return nil, err
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
	means   format.LogicalTypeValue // what the stored value stands for; nil if for itself
	text    bool
	texts   []string
	numbers []float64
}

func newParquetColumn(c *parquet.Column, o Options) (parquetColumn, error) {
	p := parquetColumn{name: c.Name()}
	if l := c.Type().LogicalType(); l != nil {
		p.means = l.Value
	}
	_, decimal := p.means.(*format.DecimalType)
	_, uuid := p.means.(*format.UUIDType)
	switch kind := c.Type().Kind(); {
	case kind == parquet.Int96:
		return p, fmt.Errorf("column %q has the outdated type int96: write it as a 64-bit time", p.name)
	case decimal:
	case kind == parquet.FixedLenByteArray && !uuid:
		return p, fmt.Errorf("column %q holds bytes of the type %v, which are neither numbers nor text", p.name, c.Type())
	case kind == parquet.ByteArray || uuid:
		p.text = true
	case kind == parquet.Int32 || kind == parquet.Int64: // an identifier keeps its digits as text
		p.text = o.Kinds[p.name] == Category
	}
	return p, nil
}

func readRows(rows parquet.Rows, columns []parquetColumn) error {
	defer rows.Close()
	block := make([]parquet.Row, 256)
	for {
		n, err := rows.ReadRows(block)
		for _, row := range block[:n] {
			for _, v := range row {
				if err := columns[v.Column()].add(v); err != nil {
					return err
				}
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

func (c *parquetColumn) add(v parquet.Value) error {
	if c.text {
		c.texts = append(c.texts, c.textOf(v))
		return nil
	}
	n := c.numberOf(v)
	switch c.means.(type) {
	case nil, *format.IntType:
		if v.Kind() == parquet.Int64 && math.Abs(n) >= exact { // 2⁵³ + 1 rounds to it
			return fmt.Errorf("column %q holds whole numbers such as %s, which are not exact from 2⁵³ on: declare it table.Category", c.name, c.textOf(v))
		}
	}
	c.numbers = append(c.numbers, n)
	return nil
}

// unsigned reports whether whole numbers are stored without a sign.
func (c *parquetColumn) unsigned() bool {
	t, ok := c.means.(*format.IntType)
	return ok && !t.IsSigned
}

func (c *parquetColumn) textOf(v parquet.Value) string {
	_, uuid := c.means.(*format.UUIDType)
	switch {
	case v.IsNull():
		return ""
	case uuid:
		return hex.EncodeToString(v.ByteArray())
	case v.Kind() == parquet.ByteArray:
		return string(v.ByteArray())
	case v.Kind() == parquet.Int32 && c.unsigned():
		return strconv.FormatUint(uint64(v.Uint32()), 10)
	case v.Kind() == parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10)
	case c.unsigned():
		return strconv.FormatUint(v.Uint64(), 10)
	}
	return strconv.FormatInt(v.Int64(), 10)
}

func (c *parquetColumn) numberOf(v parquet.Value) float64 {
	scale := 1.0
	if d, ok := c.means.(*format.DecimalType); ok {
		scale = math.Pow10(int(d.Scale))
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	case parquet.Int32:
		if c.unsigned() {
			return float64(v.Uint32())
		}
		return float64(v.Int32()) / scale
	case parquet.Int64:
		if c.unsigned() {
			return float64(v.Uint64())
		}
		return float64(v.Int64()) / scale
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return twosComplement(v.ByteArray()) / scale
	}
	return math.NaN() // null
}

// twosComplement reads a signed number whose first byte counts most.
func twosComplement(b []byte) float64 {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return f
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

package store

import (
	"math"
	"strconv"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// addFunctions adds to a connection what SQL needs to look into chunks:
//
//	value_at(chunk, step)   the value last logged at the step, 'NaN' for NaN, null if there is none
//	points_json(chunk)      [[step, time in µs, value], …]
//	lower_unicode(text)     lower case of any letters; what is no text stays
func addFunctions(conn *sqlite3.SQLiteConn) error {
	// SQLite does not call two functions of one connection at a time.
	var k codec
	var c columns
	err := conn.RegisterFunc("value_at", func(chunk []byte, step int64) (any, error) {
		switch v, found, err := k.valueAt(chunk, step); {
		case err != nil || !found:
			return nil, err
		case v != v:
			return "NaN", nil
		default:
			return v, nil
		}
	}, true)
	if err != nil {
		return err
	}
	err = conn.RegisterFunc("lower_unicode", func(v any) any {
		if text, ok := v.(string); ok {
			return strings.ToLower(text)
		}
		return v
	}, true)
	if err != nil {
		return err
	}
	return conn.RegisterFunc("points_json", func(chunk []byte) (string, error) {
		c.reset()
		if err := k.readChunk(&c, chunk); err != nil {
			return "", err
		}
		return string(appendJSON(nil, c)), nil
	}, true)
}

func appendJSON(dst []byte, c columns) []byte {
	dst = append(dst, '[')
	for i, step := range c.steps {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, '['), step, 10)
		dst = strconv.AppendInt(append(dst, ','), c.times[i], 10)
		dst = append(dst, ',')
		switch v := math.Float64frombits(c.bits[i]); {
		case v != v:
			dst = append(dst, "null"...)
		case math.IsInf(v, 1):
			dst = append(dst, "9e999"...) // JSON has no infinity; SQLite reads one from this
		case math.IsInf(v, -1):
			dst = append(dst, "-9e999"...)
		default:
			dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

package export

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/assay-ml/assay/store"
)

// The rows of the tables, in the order in which the package comment lists them.
// The json tags name the columns in every format. Times are microseconds since
// 1970 in UTC; 0 is no time.

type experimentRow struct {
	Name    text  `json:"name" parquet:"name"`
	Note    text  `json:"note" parquet:"note"`
	Created int64 `json:"created" parquet:"created,timestamp(microsecond)"`
}

type runRow struct {
	ID         string `json:"id" parquet:"id"`
	Experiment text   `json:"experiment" parquet:"experiment,dict"`
	Name       text   `json:"name" parquet:"name"`
	Status     string `json:"status" parquet:"status,dict"`
	Message    text   `json:"message" parquet:"message"`
	Started    int64  `json:"started" parquet:"started,timestamp(microsecond)"`
	Ended      int64  `json:"ended" parquet:"ended,timestamp(microsecond)"`
	Parent     string `json:"parent" parquet:"parent"`
	RerunOf    string `json:"rerun_of" parquet:"rerun_of"`
	Verdict    text   `json:"verdict" parquet:"verdict"`
	Group      text   `json:"group" parquet:"group"`
	Note       text   `json:"note" parquet:"note"`
	Host       text   `json:"host" parquet:"host,dict"`
	PID        int64  `json:"pid" parquet:"pid"`
	LastStep   int64  `json:"last_step" parquet:"last_step"` // follows from the points
	Points     int64  `json:"points" parquet:"points"`       // in points of this run
	Done       int64  `json:"done" parquet:"done"`
	Planned    int64  `json:"planned" parquet:"planned"`
	Archived   bool   `json:"archived" parquet:"archived"`
	Trashed    int64  `json:"trashed" parquet:"trashed,timestamp(microsecond)"`
	Origin     text   `json:"origin" parquet:"origin"` // JSON
	Env        text   `json:"env" parquet:"env"`       // JSON
}

type paramRow struct {
	Run   string `json:"run" parquet:"run,dict"`
	Name  text   `json:"name" parquet:"name,dict"`
	Kind  string `json:"kind" parquet:"kind,dict"` // string, int, float, bool or json
	Value text   `json:"value" parquet:"value"`
}

type tagRow struct {
	Run   string `json:"run" parquet:"run,dict"`
	Name  text   `json:"name" parquet:"name,dict"`
	Value text   `json:"value" parquet:"value"`
}

// metricRow sums up a series. Of it only the interval is not in the points.
type metricRow struct {
	Run      string `json:"run" parquet:"run,dict"`
	Name     text   `json:"name" parquet:"name,dict"`
	Points   int64  `json:"points" parquet:"points"`
	Last     number `json:"last" parquet:"last"`
	LastStep int64  `json:"last_step" parquet:"last_step"`
	Min      number `json:"min" parquet:"min"`
	MinStep  int64  `json:"min_step" parquet:"min_step"`
	Max      number `json:"max" parquet:"max"`
	MaxStep  int64  `json:"max_step" parquet:"max_step"`
	Low      number `json:"low" parquet:"low"`
	High     number `json:"high" parquet:"high"`
}

type pointRow struct {
	Run    string `json:"run" parquet:"run,dict"`
	Metric text   `json:"metric" parquet:"metric,dict"`
	Step   int64  `json:"step" parquet:"step,delta"`
	Time   int64  `json:"time" parquet:"time,delta,timestamp(microsecond)"`
	Value  number `json:"value" parquet:"value"`
	Bits   string `json:"bits" parquet:"bits,dict"` // in hex, of a NaN that is not Go's
}

type figureRow struct {
	Run    string `json:"run" parquet:"run,dict"`
	ID     text   `json:"id" parquet:"id"`
	Title  text   `json:"title" parquet:"title"`
	Alt    text   `json:"alt" parquet:"alt"`
	Height int64  `json:"height" parquet:"height"`
	Option text   `json:"option" parquet:"option"` // JSON
}

type reportRow struct {
	Run  string `json:"run" parquet:"run,dict"`
	Name text   `json:"name" parquet:"name"`
	Data text   `json:"data" parquet:"data"` // JSON
}

type artifactRow struct {
	Run       string `json:"run" parquet:"run,dict"`
	Name      text   `json:"name" parquet:"name"`
	MediaType text   `json:"media_type" parquet:"media_type,dict"`
	Size      int64  `json:"size" parquet:"size"`
	Digest    string `json:"digest" parquet:"digest"` // and name of the file in blobs
	Added     int64  `json:"added" parquet:"added,timestamp(microsecond)"`
}

type dataRow struct {
	Run   string `json:"run" parquet:"run,dict"`
	Name  text   `json:"name" parquet:"name"`
	Split text   `json:"split" parquet:"split"`
	Rows  int64  `json:"rows" parquet:"rows"`
}

type dataFileRow struct {
	Run    string `json:"run" parquet:"run,dict"`
	Name   text   `json:"name" parquet:"name,dict"`
	Split  text   `json:"split" parquet:"split,dict"`
	Path   text   `json:"path" parquet:"path"`
	Size   int64  `json:"size" parquet:"size"`
	Digest string `json:"digest" parquet:"digest"`
}

type outputRow struct {
	Run    string `json:"run" parquet:"run,dict"`
	Time   int64  `json:"time" parquet:"time,delta,timestamp(microsecond)"`
	Stream text   `json:"stream" parquet:"stream,dict"`
	Text   text   `json:"text" parquet:"text"`
}

// text is text that somebody else chose. In JSON, bytes that are not UTF-8 are
// an object with the key base64, for JSON's own text would lose them.
type text string

type base64Text struct {
	Base64 string `json:"base64"`
}

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(base64Text{base64.StdEncoding.EncodeToString([]byte(t))})
}

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return json.Unmarshal(b, (*string)(t))
	}
	var coded base64Text
	if err := json.Unmarshal(b, &coded); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(coded.Base64)
	*t = text(raw)
	return err
}

// number is a float64 whose text says every value but which NaN it is: the
// shortest decimal that reads back as the same bits, or NaN, +Inf, -Inf, which
// JSON has no words for and gets in quotes.
type number float64

func (n number) append(dst []byte) []byte { return strconv.AppendFloat(dst, float64(n), 'g', -1, 64) }

func (n number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case f != f || math.IsInf(f, 0):
		return append(n.append([]byte{'"'}), '"'), nil
	case f == 0 && math.Signbit(f):
		return []byte("-0.0"), nil // many readers would take -0 for an int
	}
	return n.append(nil), nil
}

func (n *number) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	return n.parse(string(b))
}

func (n *number) parse(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number", s)
	}
	*n = number(f)
	return nil
}

// nanBits returns the bits of a NaN that strconv would not give back, else "".
func nanBits(f float64) string {
	if bits := math.Float64bits(f); f != f && bits != math.Float64bits(math.NaN()) {
		return fmt.Sprintf("%016x", bits)
	}
	return ""
}

func parseBits(s string) (float64, error) {
	bits, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not the bits of a NaN in hex", s)
	}
	return math.Float64frombits(bits), nil
}

// Kinds of params.
const (
	kindString = "string"
	kindInt    = "int"
	kindFloat  = "float"
	kindBool   = "bool"
	kindJSON   = "json"
)

// formatParam returns the kind and the text of a param.
func formatParam(v store.Value) (kind string, value text, err error) {
	switch v := v.(type) {
	case string:
		return kindString, text(v), nil
	case int64:
		return kindInt, text(strconv.FormatInt(v, 10)), nil
	case float64:
		if bits := nanBits(v); bits != "" {
			return kindFloat, text("NaN " + bits), nil
		}
		return kindFloat, text(number(v).append(nil)), nil
	case bool:
		return kindBool, text(strconv.FormatBool(v)), nil
	case json.RawMessage:
		return kindJSON, text(v), nil
	}
	return "", "", fmt.Errorf("a value is %T, which no store keeps", v)
}

// parseParam is the opposite of formatParam.
func parseParam(kind string, value text) (store.Value, error) {
	s := string(value)
	switch kind {
	case kindString:
		return s, nil
	case kindInt:
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not an int", s)
		}
		return i, nil
	case kindFloat:
		if len(s) == len("NaN 7ff8000000000001") && s[:4] == "NaN " {
			return parseBits(s[4:])
		}
		var n number
		err := n.parse(s)
		return float64(n), err
	case kindBool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", s)
		}
		return b, nil
	case kindJSON:
		if !json.Valid([]byte(s)) {
			return nil, fmt.Errorf("%.40q is not JSON", s)
		}
		return json.RawMessage(s), nil
	}
	return nil, fmt.Errorf("%q is not a kind of param: it is string, int, float, bool or json", kind)
}

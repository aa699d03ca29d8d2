package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// Output is one output of a cell: an element of its outputs in a notebook, and
// while the cell runs also an instruction about them.
type Output struct {
	// Type is stream, display_data, execute_result or error; from a running
	// cell also update_display_data or clear_output.
	Type string

	Name string // of a stream: stdout or stderr
	Text string // of a stream

	Data      Object // of rich output: by MIME type
	Metadata  Object
	DisplayID string // names rich output that is updated later; not stored
	Wait      bool   // of clear_output: clear when the next output comes

	ExecutionCount int // of an execute_result

	EName     string // of an error
	EValue    string
	Traceback []string

	builder *strings.Builder // behind a stream's Text while it grows
	rest    Object
}

// Stream returns text that a cell wrote on the stream name.
func Stream(name, text string) Output { return Output{Type: "stream", Name: name, Text: text} }

// UnmarshalJSON reads an output of a notebook or the content of a message.
func (o *Output) UnmarshalJSON(data []byte) error {
	*o = Output{}
	var f fields
	if err := json.Unmarshal(data, &f.object); err != nil || f.object == nil {
		return errors.New("an output is not a JSON object")
	}
	f.take("output_type", &o.Type)
	o.takeContent(&f)
	if f.err != nil {
		return fmt.Errorf("output %s: %w", o.Type, f.err)
	}
	o.rest = f.object
	switch o.Type {
	case "stream", "display_data", "execute_result", "error":
		return nil
	}
	return fmt.Errorf("output_type %q is none of stream, display_data, execute_result and error", o.Type)
}

// takeContent takes the fields that a notebook and a message have in common.
func (o *Output) takeContent(f *fields) {
	switch o.Type {
	case "stream":
		var t text
		f.take("name", &o.Name)
		f.take("text", &t)
		o.Text = string(t)
	case "error":
		f.take("ename", &o.EName)
		f.take("evalue", &o.EValue)
		f.take("traceback", &o.Traceback)
	case "clear_output":
		f.take("wait", &o.Wait)
	default:
		f.take("data", &o.Data)
		f.take("metadata", &o.Metadata)
		f.take("execution_count", &o.ExecutionCount)
	}
}

// MarshalJSON writes the output as a notebook stores it.
func (o Output) MarshalJSON() ([]byte, error) {
	f := fields{object: orEmpty(maps.Clone(o.rest))}
	f.put("output_type", o.Type)
	switch o.Type {
	case "stream":
		f.put("name", o.Name)
		f.put("text", text(o.Text))
	case "error":
		traceback := o.Traceback
		if traceback == nil {
			traceback = []string{}
		}
		f.put("ename", o.EName)
		f.put("evalue", o.EValue)
		f.put("traceback", traceback)
	default:
		f.put("data", splitBundle(o.Data))
		f.put("metadata", orEmpty(o.Metadata))
		if o.Type == "execute_result" {
			f.put("execution_count", nil)
			if o.ExecutionCount > 0 {
				f.put("execution_count", o.ExecutionCount)
			}
		}
	}
	return f.encode()
}

// splitBundle returns data with its texts as lists of lines, as Jupyter stores
// them. JSON types stay what they are, and so do images: one base64 string.
func splitBundle(data Object) Object {
	split := make(Object, len(data))
	for mime, raw := range data {
		split[mime] = raw
		var s string
		isText := strings.HasPrefix(mime, "text/") || mime == "image/svg+xml" || mime == "application/javascript"
		if isText && json.Unmarshal(raw, &s) == nil {
			split[mime], _ = encodeJSON(text(s)) // strings always encode
		}
	}
	return split
}

// content returns the content of the message that tells a front end of o.
func (o Output) content() map[string]any {
	switch o.Type {
	case "stream":
		return map[string]any{"name": o.Name, "text": o.Text}
	case "error":
		return map[string]any{"ename": o.EName, "evalue": o.EValue, "traceback": o.Traceback}
	case "clear_output":
		return map[string]any{"wait": o.Wait}
	}
	c := map[string]any{"data": orEmpty(o.Data), "metadata": orEmpty(o.Metadata), "transient": Object{}}
	if o.DisplayID != "" {
		c["transient"] = map[string]string{"display_id": o.DisplayID}
	}
	if o.Type == "execute_result" {
		c["execution_count"] = o.ExecutionCount
	}
	return c
}

// outputOf reads the output that the content of a message of type kind tells of.
func outputOf(kind string, content json.RawMessage) (Output, error) {
	o := Output{Type: kind}
	var f fields
	if err := json.Unmarshal(content, &f.object); err != nil {
		return o, fmt.Errorf("message %s: %w", kind, err)
	}
	var transient struct {
		DisplayID string `json:"display_id"`
	}
	o.takeContent(&f)
	f.take("transient", &transient)
	o.DisplayID = transient.DisplayID
	if f.err != nil {
		return o, fmt.Errorf("message %s: %w", kind, f.err)
	}
	return o, nil
}

// record applies o, which cell put out, to the notebook: output is appended,
// text joins the text before it, an update replaces what was shown under its id
// in any cell.
func (nb *Notebook) record(cell *Cell, o Output) {
	if cell.clearNext && o.Type != "update_display_data" {
		cell.Outputs, cell.clearNext = nil, false
	}
	switch o.Type {
	case "clear_output":
		if o.Wait {
			cell.clearNext = true
		} else {
			cell.Outputs = nil
		}
	case "update_display_data":
		for _, c := range nb.Cells {
			for i := range c.Outputs {
				if shown := &c.Outputs[i]; shown.DisplayID == o.DisplayID && o.DisplayID != "" {
					shown.Data, shown.Metadata = o.Data, o.Metadata
				}
			}
		}
	case "stream":
		if n := len(cell.Outputs); n > 0 && cell.Outputs[n-1].Type == "stream" && cell.Outputs[n-1].Name == o.Name {
			cell.Outputs[n-1].appendText(o.Text)
			return
		}
		fallthrough
	default:
		cell.Outputs = append(cell.Outputs, o)
	}
}

// appendText joins more to a stream's text. A builder keeps this linear: a cell
// may print a line at a time for hours.
func (o *Output) appendText(more string) {
	if o.builder == nil {
		o.builder = new(strings.Builder)
		o.builder.WriteString(o.Text)
	}
	o.builder.WriteString(more)
	o.Text = o.builder.String()
}

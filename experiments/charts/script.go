package charts

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/assay-ml/assay/home"
)

//go:embed all:assets
var assets embed.FS

//go:embed chart.js
var chartJS []byte

//go:embed chart.css
var chartCSS []byte

const echartsFile = "echarts.min.js"

// ErrNoScript is returned by Script when there is no ECharts to draw with.
// Figures are then still pictures with tables.
var ErrNoScript = errors.New("no echarts in this program or in assay's data folder: run `assay setup`, or build with `make build`")

// Script returns the ECharts library: what was embedded when the program was
// built, else the file that assay keeps in its data folder.
func Script() ([]byte, error) { return script() }

var script = sync.OnceValues(func() ([]byte, error) {
	if js, err := assets.ReadFile("assets/" + echartsFile); err == nil {
		return js, nil
	}
	file, err := home.Sub("assets", echartsFile)
	if err != nil {
		return nil, err
	}
	js, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoScript
	}
	if err != nil {
		return nil, fmt.Errorf("echarts: %w", err)
	}
	return js, nil
})

// Driver returns chart.js, which finds figures in a page and draws them with
// ECharts.
func Driver() []byte { return chartJS }

// CSS returns chart.css, which lays figures out.
func CSS() []byte { return chartCSS }

// packed returns the library gzipped, in base64: a third of its size.
var packed = sync.OnceValues(func() (string, error) {
	js, err := Script()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(js); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
})

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/assay-ml/assay/experiments/charts"
)

//go:embed static
var staticFiles embed.FS

// asset returns a file that pages load, by name.
func asset(name string) ([]byte, error) {
	switch name {
	case "echarts.js":
		return charts.Script()
	case "chart.js":
		return charts.Driver(), nil
	case "chart.css":
		return charts.CSS(), nil
	}
	return fs.ReadFile(staticFiles, "static/"+name)
}

// static serves an asset. Browsers keep it and ask each time whether it is
// still the same, so that a new assay never runs with an old script.
func static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, err := asset(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	sum := sha256.Sum256(content)
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

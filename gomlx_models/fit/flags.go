package fit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// cpuFlags let XLA's CPU compiler give convolutions to oneDNN, which newer
// plugins hold, and leave only single matrix products to YNNPACK, which does
// the small ones of an LSTM in five sixths of the time. Buffers are to be
// few at a time, rather than operations many at a time: each has work for all
// cores, and memory that is used again need not be cleared.
var cpuFlags = []string{
	"--xla_cpu_experimental_onednn_custom_call=true",
	"--xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
	"--xla_cpu_scheduler_type=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
}

// addFlags adds cpuFlags to XLA_FLAGS if the plugin in file knows them all: XLA
// ends the process over a flag or a value that it does not know. It must be
// called before the plugin makes a client, which reads the variable once; restore
// then gives the variable back its value: a child may load another plugin.
func addFlags(file string) (restore func() error, err error) {
	const variable = "XLA_FLAGS"
	unchanged := func() error { return nil }
	before, set := os.LookupEnv(variable)
	if before != "" && !strings.HasPrefix(strings.TrimSpace(before), "-") {
		return unchanged, nil // the name of a file of flags
	}
	if known, err := knowsFlags(file, cpuFlags); err != nil || !known {
		return unchanged, err
	}
	flags := before
	for _, flag := range cpuFlags {
		if name, _, _ := strings.Cut(flag, "="); !strings.Contains(flags, name) {
			flags = strings.TrimSpace(flags + " " + flag)
		}
	}
	restore = func() error {
		if !set {
			return os.Unsetenv(variable)
		}
		return os.Setenv(variable, before)
	}
	return restore, os.Setenv(variable, flags)
}

// knowsFlags reports whether the plugin in file has all flags, as in
// "--name=value", with values that are true or the names of constants. It looks
// for names as C strings, which the names of fields in the plugin's protocol
// descriptors are not, and stops reading when all is found.
func knowsFlags(file string, flags []string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	missing := map[string]bool{}
	for _, flag := range flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		missing["\x00"+name+"\x00"] = true
		if value != "true" {
			missing[value] = true
		}
	}
	const overlap = 256 // longer than any name, which may lie across two chunks
	chunk := make([]byte, 1<<20)
	kept := 0
	for len(missing) > 0 {
		n, err := io.ReadFull(f, chunk[kept:])
		read := chunk[:kept+n]
		for name := range missing {
			if bytes.Contains(read, []byte(name)) {
				delete(missing, name)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", file, err)
		}
		kept = copy(chunk, read[len(read)-overlap:])
	}
	return len(missing) == 0, nil
}

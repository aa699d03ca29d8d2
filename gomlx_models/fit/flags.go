package fit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// cpuFlags let XLA's CPU compiler give convolutions and matrix products to
// oneDNN, which newer plugins hold, and no longer to YNNPACK, and order its
// operations so that few buffers stand at a time, not so that many operations
// could run at a time: each has work for all cores, and memory that is used
// again need not be cleared.
var cpuFlags = []string{
	"--xla_cpu_experimental_onednn_custom_call=true",
	"--xla_cpu_experimental_ynn_fusion_type=",
	"--xla_cpu_scheduler_type=CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
}

// addFlags adds cpuFlags to XLA_FLAGS if the plugin in file knows them all: XLA
// ends the process over a flag that it does not know. It must be called before
// the plugin is loaded, which reads the variable once.
func addFlags(file string) error {
	const variable = "XLA_FLAGS"
	flags := os.Getenv(variable)
	if flags != "" && !strings.HasPrefix(strings.TrimSpace(flags), "-") {
		return nil // the name of a file of flags
	}
	names := make([]string, len(cpuFlags))
	for i, flag := range cpuFlags {
		names[i], _, _ = strings.Cut(strings.TrimPrefix(flag, "--"), "=")
	}
	if known, err := knowsFlags(file, names); err != nil || !known {
		return err
	}
	for i, flag := range cpuFlags {
		if !strings.Contains(flags, names[i]) {
			flags = strings.TrimSpace(flags + " " + flag)
		}
	}
	return os.Setenv(variable, flags)
}

// knowsFlags reports whether the plugin in file has flags of all names. It looks
// for them as C strings, which the names of fields in the plugin's protocol
// descriptors are not, and stops reading when all are found.
func knowsFlags(file string, names []string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	missing := make(map[string]bool, len(names))
	for _, name := range names {
		missing["\x00"+name+"\x00"] = true
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

//go:build !linux

package store

import (
	"os"
	"strconv"
	"syscall"
)

// bootID is the machine's name where the kernel gives no id of its boot: a run
// whose lock file is there is still told exactly.
func bootID() string {
	host, _ := os.Hostname()
	return host
}

// birthOf returns the pid where the start of a process cannot be read portably.
func birthOf(pid int) string {
	p, err := os.FindProcess(pid)
	if err != nil || p.Signal(syscall.Signal(0)) != nil {
		return ""
	}
	return strconv.Itoa(pid)
}

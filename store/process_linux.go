package store

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // "" without /proc
	return strings.TrimSpace(string(id))
}

// birthOf returns when the process with the pid started, in clock ticks since
// boot (field 22 of /proc/PID/stat, proc(5)), "" if there is none.
func birthOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// Field 2 is the name in brackets and may hold spaces and brackets.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 || fields[0][0] == 'Z' {
		return ""
	}
	return string(fields[19])
}

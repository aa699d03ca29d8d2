package store

import (
	"os"
	"time"
)

// process tells one process from all others, also from one that has its pid
// later.
type process struct {
	host  string
	pid   int
	boot  string // id of the boot of the machine
	birth string // when the process started, as the kernel counts
}

// silence is after how long without a heartbeat a run on another machine counts
// as killed. Writers touch their lock file every tick.
const silence = 4 * time.Second

func self() process {
	host, _ := os.Hostname() // an unnamed machine is told apart by its boot id
	pid := os.Getpid()
	return process{host, pid, bootID(), birthOf(pid)}
}

// lives says whether the process that writes run still does. The lock on the
// run's lock file is certain for processes of this machine, in other containers
// too. Without the file (a copy of a store) the process table must do. A
// process on another machine can only be told by its heartbeat.
func lives(dir string, run RunID, p process) bool {
	file := lockFile(dir, run)
	if p.boot == bootID() {
		locked, err := isLocked(file)
		if err == nil {
			return locked
		}
		birth := birthOf(p.pid)
		return birth != "" && birth == p.birth
	}
	info, err := os.Stat(file)
	return err == nil && time.Since(info.ModTime()).Abs() < silence // Abs: the clock may have been set back
}

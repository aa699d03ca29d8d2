package kernel

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// group is a process and all that it started, which share its process group:
// gonb, go build, compilers, the program of a cell and its children.
type group struct {
	leader *exec.Cmd
	gone   chan struct{} // closed when the leader has ended
	reaper io.WriteCloser
}

// reaperScript kills a group and removes a folder when its standard input ends
// without a word, which it does however this process ends.
const reaperScript = `read word || { kill -s KILL -- "-$1"; sleep 0.1; rm -rf -- "$2"; }`

// startGroup starts cmd as the leader of a new group. Should this process be
// killed, the group is too and folder is removed.
func startGroup(cmd *exec.Cmd, folder string) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &group{leader: cmd, gone: make(chan struct{})}
	go func() {
		cmd.Wait() // how it ended does not matter: it should not have
		close(g.gone)
	}()
	reaper := exec.Command("/bin/sh", "-c", reaperScript, "reaper", strconv.Itoa(cmd.Process.Pid), folder)
	reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal must not end it first
	var err error
	if g.reaper, err = reaper.StdinPipe(); err == nil {
		err = reaper.Start()
	}
	if err != nil {
		g.signal(syscall.SIGKILL)
		return nil, fmt.Errorf("reaper: %w", err)
	}
	go reaper.Wait()
	return g, nil
}

// signal sends sig to every process of the group.
func (g *group) signal(sig syscall.Signal) {
	syscall.Kill(-g.leader.Process.Pid, sig)
}

// stop kills the group and waits until nothing of it is left.
func (g *group) stop() {
	g.signal(syscall.SIGKILL)
	<-g.gone
	g.killMembers() // those forked since
	io.WriteString(g.reaper, "done\n")
	g.reaper.Close()
}

// interruptMembers interrupts all of the group but its leader: gonb would send the
// program of a cell a second interrupt, which ends one that records a run at once.
func (g *group) interruptMembers() {
	for _, pid := range g.members() {
		syscall.Kill(pid, syscall.SIGINT)
	}
}

// killMembers kills all of the group but its leader, and waits a moment for
// their end: a signal takes its time on a busy machine.
func (g *group) killMembers() {
	for range 50 {
		pids := g.members()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// members returns the processes of the group but its leader.
func (g *group) members() []int {
	leader := g.leader.Process.Pid
	var pids []int
	for pid, pgid := range processGroups() {
		if pgid == leader && pid != leader {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processGroups returns the process group of each process that is not a zombie.
func processGroups() map[int]int {
	groups := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	if len(stats) > 0 {
		for _, file := range stats {
			data, err := os.ReadFile(file)
			if err != nil {
				continue // it has ended
			}
			// pid (name) state ppid pgrp …, and a name may hold blanks and parentheses.
			pid, _, _ := strings.Cut(string(data), " ")
			fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
			if len(fields) > 2 && fields[0] != "Z" && fields[0] != "X" {
				addGroup(groups, pid, fields[2])
			}
		}
		return groups
	}
	out, _ := exec.Command("ps", "-axo", "pid=,pgid=,stat=").Output() // where there is no /proc
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 3 && !strings.HasPrefix(fields[2], "Z") {
			addGroup(groups, fields[0], fields[1])
		}
	}
	return groups
}

func addGroup(groups map[int]int, pid, pgid string) {
	p, err1 := strconv.Atoi(pid)
	g, err2 := strconv.Atoi(pgid)
	if err1 == nil && err2 == nil {
		groups[p] = g
	}
}

// oomCounters are the files that count processes killed for want of memory: of
// the machine, and of the container (cgroups of version 2 and 1).
var oomCounters = []string{"/proc/vmstat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}

// oomKills returns a number that grows when the system kills a process for want of
// memory, where it tells.
func oomKills() (kills int) {
	for _, file := range oomCounters {
		data, _ := os.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(count))
				kills += n
			}
		}
	}
	return kills
}

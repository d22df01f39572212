package culprit

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

// tick is the unit of a process's start in /proc/PID/stat: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// process is what /proc tells of a process or thread, unchanged.
type process struct {
	pid       int // of the process, also where a thread was asked for
	comm      string
	argv0     string
	uid       uint32 // the real one: who started it, also where the program takes another's rights
	started   uint64 // in ticks since the host started
	parent    string
	parentPID int
}

// person adds what is known of the process.
func (p process) person(who Person) Person {
	who.PID = p.pid
	who.Argv0 = clean(p.argv0)
	who.User = userName(p.uid)
	who.Parent = clean(p.parent)
	who.ParentPID = p.parentPID
	return who
}

// errUnreadable: /proc does not say what is needed.
var errUnreadable = errors.New("unexpected content in /proc")

// readProcess reads all at once. Files are opened below the process's own directory: it stays that process's when the
// number is given to another, and then yields nothing.
func readProcess(pid int) (process, error) {
	dir, err := openProcess(pid)
	if err != nil {
		return process{}, err
	}
	defer unix.Close(dir)
	var p process
	var buffer [1024]byte
	// The command line goes first, as it is gone as soon as the process has ended.
	if text, err := procfs.ReadSmall(dir, "cmdline", buffer[:]); err == nil {
		argv0, _, _ := bytes.Cut(text, []byte{0})
		p.argv0 = string(argv0[:min(len(argv0), textMost)])
	}
	text, err := procfs.ReadSmall(dir, "stat", buffer[:])
	if err != nil {
		return process{}, err
	}
	s, ok := procfs.ParseStat(text)
	if !ok {
		return process{}, errUnreadable
	}
	p.comm, p.started = s.Name, s.Started
	if text, err = procfs.ReadSmall(dir, "status", buffer[:]); err != nil {
		return process{}, err
	}
	if p.pid, p.uid, ok = parseStatus(text); !ok {
		return process{}, errUnreadable
	}
	p.parent, p.parentPID = readParent(s, buffer[:])
	return p, nil
}

// readParent names a parent only if it is older than its child: else it is another that has its number.
func readParent(child procfs.Stat, buffer []byte) (name string, pid int) {
	dir, err := openProcess(child.Parent)
	if err != nil {
		return "", 0
	}
	defer unix.Close(dir)
	text, err := procfs.ReadSmall(dir, "stat", buffer)
	if err != nil {
		return "", 0
	}
	s, ok := procfs.ParseStat(text)
	if !ok || s.Started > child.Started {
		return "", 0
	}
	return s.Name, child.Parent
}

func openProcess(pid int) (dir int, err error) {
	return unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// parseStatus finds the process of a thread and its real user in /proc/PID/status.
func parseStatus(text []byte) (pid int, uid uint32, ok bool) {
	group, found := statusField(text, "\nTgid:")
	user, found2 := statusField(text, "\nUid:")
	if !found || !found2 {
		return 0, 0, false
	}
	pid, err := strconv.Atoi(group)
	id, err2 := strconv.ParseUint(user, 10, 32)
	return pid, uint32(id), errors.Join(err, err2) == nil
}

// statusField is the first word after a label.
func statusField(text []byte, label string) (string, bool) {
	_, rest, _ := bytes.Cut(text, []byte(label))
	line, _, whole := bytes.Cut(rest, []byte("\n"))
	words := bytes.Fields(line)
	if !whole || len(words) == 0 {
		return "", false
	}
	return string(words[0]), true
}

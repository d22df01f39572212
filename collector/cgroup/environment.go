package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// mostEnvironment is as much as the kernel lets a program start with, arguments included (3/4 of the default stack).
// A process may later say that its environment is anywhere, and as large as it likes.
const mostEnvironment = 6 << 20

// piece is how much of another process's memory is read at once.
const piece = 4096

// openEnvironment reads the environment that a process was started with. The file of it is for the process's own user
// alone, or for CAP_DAC_READ_SEARCH; its memory is for CAP_SYS_PTRACE too.
func openEnvironment(proc string, pid int) (io.ReadCloser, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	file, err := os.Open(filepath.Join(dir, "environ"))
	if err == nil {
		return file, nil
	}
	// The number means the same process to the kernel only where it does for ourselves.
	if self, _ := os.Readlink(filepath.Join(proc, "self")); !errors.Is(err, fs.ErrPermission) || self != strconv.Itoa(os.Getpid()) {
		return nil, hint(err)
	}
	where, statErr := readExtent(dir)
	switch {
	case statErr != nil:
		return nil, statErr
	case where.start == 0: // as to everybody who may not look into the process
		return nil, hint(err)
	}
	return io.NopCloser(bufio.NewReaderSize(&remote{dir: dir, pid: pid, extent: where, at: where.start}, piece)), nil
}

// extent is where a process has its environment; started tells it from the next with its number.
type extent struct{ started, start, end uint64 }

func readExtent(dir string) (extent, error) {
	text, err := readFile(filepath.Join(dir, "stat"), small)
	if err != nil {
		return extent{}, err
	}
	e, ok := parseExtent(text)
	if !ok {
		return extent{}, errors.New(filepath.Join(dir, "stat") + ": malformed")
	}
	return e, nil
}

// The places of fields in /proc/PID/stat, counted from the one after the name (proc_pid_stat(5) counts that as 3).
const (
	statStarted = 22 - 3
	statStart   = 50 - 3
	statEnd     = 51 - 3
)

// parseExtent reads a line such as "17 (nakama) S 1 …". A name may itself hold spaces and parentheses.
func parseExtent(line []byte) (extent, bool) {
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) <= statEnd {
		return extent{}, false
	}
	started, err := strconv.ParseUint(string(fields[statStarted]), 10, 64)
	start, err2 := strconv.ParseUint(string(fields[statStart]), 10, 64)
	end, err3 := strconv.ParseUint(string(fields[statEnd]), 10, 64)
	return extent{started, start, end}, errors.Join(err, err2, err3) == nil && start <= end
}

// remote reads the memory of another process.
type remote struct {
	dir string
	pid int
	extent
	at uint64
}

// Read gives nothing of a process that has got the number meanwhile.
func (r *remote) Read(into []byte) (int, error) {
	into = into[:min(uint64(len(into)), r.end-r.at)]
	if len(into) == 0 {
		return 0, io.EOF
	}
	local := unix.Iovec{Base: &into[0]}
	local.SetLen(len(into))
	n, err := unix.ProcessVMReadv(r.pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(r.at), Len: len(into)}}, 0)
	switch now, statErr := readExtent(r.dir); {
	case statErr != nil:
		return 0, statErr
	case now != r.extent:
		return 0, unix.ESRCH
	case errors.Is(err, unix.EFAULT), err == nil && n == 0: // given back: the file ends there too
		return 0, io.EOF
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOSYS):
		return 0, kept{os.NewSyscallError("process_vm_readv", err)}
	case err != nil:
		return 0, os.NewSyscallError("process_vm_readv", err)
	}
	r.at += uint64(n)
	return n, nil
}

// kept is why memory is not read although the process may be looked into: the kernel lets nobody (kernel.yama.ptrace_scope
// 3), or a filter of system calls does not.
type kept struct{ error }

func (k kept) Unwrap() error { return k.error }

// hint says what lets us read another user's environment.
func hint(err error) error {
	const manual = `(run as root, or see "capabilities" in the manual)`
	switch {
	case errors.As(err, new(kept)):
		return fmt.Errorf("%w: needs kernel.yama.ptrace_scope below 3 and process_vm_readv among the allowed system calls, or CAP_DAC_READ_SEARCH %s", err, manual)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: needs the same user or CAP_SYS_PTRACE %s", err, manual)
	}
	return err
}

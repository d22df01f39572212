package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/common"
	"github.com/shirou/gopsutil/v3/mem"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/status"
)

// Machine measures the host as a whole. What its roles need of it is not judged here.
func Machine(ctx context.Context) (status.Machine, error) { return machine(ctx, defaultProc, "/sys") }

func machine(ctx context.Context, proc, sys string) (status.Machine, error) {
	// Without this an environment variable would say where /proc is.
	ctx = context.WithValue(ctx, common.EnvKey, common.EnvMap{common.HostProcEnvKey: proc, common.HostSysEnvKey: sys})
	memory, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return status.Machine{}, fmt.Errorf("measure the host: %w", err)
	}
	cpus, err := countCPUs(filepath.Join(sys, "devices/system/cpu/online"))
	if err != nil {
		return status.Machine{}, fmt.Errorf("measure the host: %w", err)
	}
	tracked, err := conntrack(filepath.Join(proc, "sys/net/netfilter"))
	if err != nil {
		return status.Machine{}, fmt.Errorf("measure the host: %w", err)
	}
	return status.Machine{
		CPUs:        cpus,
		MemoryTotal: memory.Total, MemoryAvailable: memory.Available,
		SwapTotal: memory.SwapTotal, SwapFree: memory.SwapFree,
		Conntrack: tracked,
	}, nil
}

// conntrack returns how full the table of tracked connections is, nil where nothing is tracked: the module may be loaded
// although no rule asks for it.
func conntrack(dir string) (*status.Level, error) {
	used, err := readNumber(filepath.Join(dir, "nf_conntrack_count"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && used == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	limit, err := readNumber(filepath.Join(dir, "nf_conntrack_max"))
	if err != nil || limit == 0 { // 0: tracked without limit
		return nil, err
	}
	return &status.Level{Used: used, Limit: limit}, nil
}

func readNumber(path string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return number, nil
}

// countCPUs counts those of the host: the runtime would tell those that the agent may use.
func countCPUs(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, ok := parseCPUs(string(text))
	if !ok {
		return 0, fmt.Errorf("%s: malformed", path)
	}
	return n, nil
}

// parseCPUs counts a list such as "0-3,5".
func parseCPUs(list string) (n int, ok bool) {
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if errors.Join(err, err2) != nil || to < from {
			return 0, false
		}
		n += int(to-from) + 1
	}
	return n, true
}

// tick is the unit of a process's start in /proc/PID/stat: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// Booted returns when the host started, given what time it is. The kernel is asked on the clock by which it also notes
// the start of processes: the boot time in /proc is a container's own in some containers, those are not.
func Booted(now time.Time) (time.Time, error) {
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return time.Time{}, fmt.Errorf("ask when the host started: %w", err)
	}
	return now.Round(0).Add(-time.Duration(since.Nano())), nil // without the monotonic clock, which no other host knows
}

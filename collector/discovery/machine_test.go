package discovery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestMachine(t *testing.T) {
	m, err := Machine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.CPUs < 1 || m.MemoryTotal < 1<<20 || m.MemoryAvailable == 0 || m.MemoryAvailable > m.MemoryTotal || m.SwapFree > m.SwapTotal {
		t.Errorf("%+v", m)
	}
}

func TestMachineOfAnotherTree(t *testing.T) {
	t.Setenv("HOST_PROC", "/nonexistent") // of no account
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/meminfo", "MemTotal: 4000 kB\nMemFree: 100 kB\nMemAvailable: 3000 kB\nSwapTotal: 20 kB\nSwapFree: 10 kB\n")
	write("sys/devices/system/cpu/online", "0-3\n")
	want := status.Machine{CPUs: 4, MemoryTotal: 4000 << 10, MemoryAvailable: 3000 << 10, SwapTotal: 20 << 10, SwapFree: 10 << 10}
	check := func(conntrack *status.Level) {
		t.Helper()
		got, err := machine(t.Context(), root+"/proc", root+"/sys")
		if err != nil {
			t.Fatal(err)
		}
		seen := got.Conntrack
		if (seen == nil) != (conntrack == nil) || seen != nil && *seen != *conntrack {
			t.Errorf("conntrack %v; want %v", seen, conntrack)
		}
		if got.Conntrack = nil; got.CPUs != want.CPUs || got.MemoryTotal != want.MemoryTotal ||
			got.MemoryAvailable != want.MemoryAvailable || got.SwapTotal != want.SwapTotal || got.SwapFree != want.SwapFree {
			t.Errorf("got %+v; want %+v", got, want)
		}
	}
	check(nil)
	write("proc/sys/net/netfilter/nf_conntrack_max", "262144\n")
	write("proc/sys/net/netfilter/nf_conntrack_count", "0\n")
	check(nil)
	write("proc/sys/net/netfilter/nf_conntrack_count", "17\n")
	check(&status.Level{Used: 17, Limit: 262144})
	write("proc/sys/net/netfilter/nf_conntrack_max", "0\n")
	check(nil)
	write("sys/devices/system/cpu/online", "x\n")
	if _, err := machine(t.Context(), root+"/proc", root+"/sys"); err == nil || !strings.Contains(err.Error(), "online: malformed") {
		t.Errorf("error %v", err)
	}
}

// The start of a process is told by two clocks that must agree.
func TestBooted(t *testing.T) {
	now := time.Now()
	booted, err := Booted(now)
	if err != nil {
		t.Fatal(err)
	}
	later, err := Booted(now.Add(time.Hour))
	if err != nil || later.Sub(booted) < time.Hour-time.Minute || later.Sub(booted) > time.Hour {
		t.Errorf("%v, then %v", booted, later)
	}
	self, err := New(Options{}).readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if age := now.Sub(booted.Add(time.Duration(self.Started) * tick)); age < -tick || age > time.Hour {
		t.Errorf("this process is %v old", age)
	}
}

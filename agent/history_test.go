package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/agent/history"
	"github.com/nakama-warden/nakama-warden/agent/journal"
	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/status"
)

// onSmallDisk runs the calling test again in a process of its own, which may mount a disk of 1 MiB, and is nil there.
func onSmallDisk(t *testing.T) (dir string, here bool) {
	t.Helper()
	const mark = "NAKAMA_WARDEN_TEST_MAY_MOUNT"
	if os.Getenv(mark) != "" {
		dir = t.TempDir()
		for _, err := range []error{unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1M")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		return dir, true
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), mark+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := again.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("user namespaces are lacking: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("on a small disk: %v\n%s", err, out)
	}
	return "", false
}

func TestAFullDiskIsToldAndTheHistoryGoesOn(t *testing.T) {
	dir, here := onSmallDisk(t)
	if !here {
		return
	}
	path := filepath.Join(dir, storeFile)
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	log := slog.New(slog.DiscardHandler)
	d := &daemon{o: Options{Log: log}, store: s, journal: journal.New(log, s, now), history: history.New(s, log, now)}
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, zeroes{}); err == nil {
		t.Fatal("the disk has no end")
	}
	_ = f.Close() // it is full

	var units []status.Unit
	for i := range 60 {
		units = append(units, status.Unit{Name: fmt.Sprintf("container-%d", i), Memory: status.Memory{Resident: 1 << 30}})
	}
	for range 360 {
		d.history.Observe(status.Sample{Time: at, Units: units})
		for i := range units {
			units[i].Memory.Resident += uint64(i * 1e6)
		}
		at = at.Add(10 * time.Second)
	}
	for range 3 {
		d.storeHistory()
		d.tellStoreProblem()
	}
	if problem := s.Problem(); !strings.Contains(problem, "no space left") {
		t.Errorf("problem %q", problem)
	}
	if told := d.told(t, status.KindStoreDegraded); told != 1 {
		t.Errorf("told %d times; want once", told)
	}
	if h, err := d.history.Query(status.HistoryQuery{}); err != nil || len(h.Units) != len(units) {
		t.Errorf("%d units, %v; want all, from memory", len(h.Units), err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.storeHistory()
	d.tellStoreProblem()
	if problem := s.Problem(); problem != "" {
		t.Errorf("with space again: %s", problem)
	}
	again := history.New(s, log, now)
	if h, err := again.Query(status.HistoryQuery{}); err != nil || len(h.Units) != len(units) {
		t.Errorf("%d units, %v; want all, from the disk", len(h.Units), err)
	}
}

// zeroes has no end.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { return len(p), nil }

// told counts the events of a kind, once all that was told is written down.
func (d *daemon) told(t *testing.T, kind string) uint64 {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.journal.Run(ended); err != nil {
		t.Fatal(err)
	}
	told, _ := d.journal.Counts()
	return told[kind]
}

func TestASampleComesOutAsHistoryAfterARestart(t *testing.T) {
	d := newDaemon(t, goodConfig)
	d.history = history.New(d.store, d.o.Log, time.Now)
	d.collector = d.newCollector()
	ended, end := context.WithCancel(t.Context())
	end()
	d.history.Observe(status.Sample{Time: time.Now(), Units: []status.Unit{{Name: "nakama.service", Memory: status.Memory{Resident: 1 << 30}}}})
	d.remember(ended) // stores at its end
	again := history.New(d.store, d.o.Log, time.Now)
	if h, err := again.Query(status.HistoryQuery{}); err != nil || len(h.Units) != 1 || h.Units[0].Name != "nakama.service" {
		t.Errorf("%+v, %v", h, err)
	}
}

package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestSocketInode(t *testing.T) {
	for link, want := range map[string]uint64{"socket:[12345]": 12345, "socket:[12345": 0, "socket:[]": 0, "pipe:[5]": 0, "/socket:[5]": 0, "": 0} {
		if got, ok := SocketInode([]byte(link)); got != want || ok != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", link, got, ok, want)
		}
	}
}

func TestParseDescriptor(t *testing.T) {
	for text, want := range map[string]struct {
		Descriptor
		ok bool
	}{
		"pos:\t0\nflags:\t02000002\nmnt_id:\t10\nino:\t4711\n":                 {Descriptor{10, 4711, false}, true},
		"mnt_id:\t10\nino:\t4711\neventfd-count:                0\nino:\t12\n": {Descriptor{10, 4711, false}, true},
		"mnt_id:\t10\nino:\t4711\ntfd:        9 events:       19\n":            {Descriptor{10, 4711, true}, true},
		"pos:\t0\nflags:\t02000002\nmnt_id:\t10\n":                             {}, // before Linux 5.14
		"mnt_id:\t10\nino:\t47":                                                {}, // cut off
		"mnt_id:\t10\nino:\t-1\n":                                              {},
		"mnt_id: 10\nino:\t4711\n":                                             {},
		"tfd: 1 mnt_id:\t10\nino:\t1\n":                                        {},
		"":                                                                     {},
	} {
		if got, ok := ParseDescriptor([]byte(text)); ok != want.ok || ok && got != want.Descriptor {
			t.Errorf("%q: %+v, %v; want %+v", text, got, ok, want)
		}
	}
}

// What follows the lines that count, or comes cut off, changes nothing.
func FuzzParseDescriptor(f *testing.F) {
	f.Add(uint64(10), uint64(4711), "tfd:        9 events:       19\n", uint8(40))
	f.Add(uint64(0), uint64(1<<64-1), "ino:\t5\nmnt_id:\t6\n", uint8(0))
	f.Fuzz(func(t *testing.T, mount, inode uint64, rest string, cut uint8) {
		text := fmt.Sprintf("pos:\t0\nflags:\t02\nmnt_id:\t%d\nino:\t%d\n", mount, inode)
		if got, ok := ParseDescriptor([]byte(text + rest)); !ok || got.Mount != mount || got.Inode != inode {
			t.Errorf("%q: %+v, %v; want %d, %d", text+rest, got, ok, mount, inode)
		}
		if got, ok := ParseDescriptor([]byte(text[:min(int(cut), len(text)-1)])); ok {
			t.Errorf("%q cut at %d: %+v", text, cut, got)
		}
		_, _ = ParseDescriptor([]byte(rest))
	})
}

// A /proc that tells nothing of a socket of our own is not believed.
func TestSocketMount(t *testing.T) {
	if mount, told := SocketMount("/proc"); !told || mount == 0 {
		t.Errorf("sockets are on mount %d, %v", mount, told)
	}
	if mount, told := SocketMount(t.TempDir()); told || mount != 0 {
		t.Errorf("sockets are on mount %d, %v, of a /proc without them", mount, told)
	}
}

func TestForbidden(t *testing.T) {
	proc := t.TempDir()
	for _, step := range []error{os.MkdirAll(filepath.Join(proc, "20/ns"), 0o700), os.Symlink("net:[1]", filepath.Join(proc, "20/ns/net"))} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for pid, want := range map[int]bool{20: true, 21: false} {
		err := Forbidden(proc, pid, fs.ErrPermission)
		if errors.As(err, new(Untold)) != want || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("process %d: %v; want the kernel's age for it: %v", pid, err, want)
		}
	}
	if err := Forbidden(proc, 20, fs.ErrNotExist); errors.As(err, new(Untold)) {
		t.Errorf("%v for what was not forbidden", err)
	}
}

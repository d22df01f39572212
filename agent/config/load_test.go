package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("roles: [nakama]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil || c.Path != path || c.Roles[0] != "nakama" {
		t.Fatalf("Load = %+v, %v", c, err)
	}
	if err := os.WriteFile(path, []byte("roles: [x]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":1: roles[0]: ") {
		t.Errorf("Load = %v", err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if c, err = Load(path); err != nil {
		t.Fatal(err)
	}
	sameAs(t, c, Default())
}

func TestLoadWithoutFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "none.yaml")
	_, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "open "+path+": no such file or directory (write one, or name yours with --config FILE)" {
		t.Errorf("missing: %v", err)
	}
	if _, err = Load(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("directory: %v", err)
	}
}

// The superuser passes every file mode, so the refusal comes from a file system of the test's own.
func TestLoadWithoutPermission(t *testing.T) {
	refused := &fs.PathError{Op: "open", Path: "/etc/f.yaml", Err: fs.ErrPermission}
	_, err := load("/etc/f.yaml", func() (fs.File, error) { return nil, refused })
	if !errors.Is(err, fs.ErrPermission) || err.Error() != "open /etc/f.yaml: permission denied (run as root, or let this user read the file)" {
		t.Errorf("load = %v", err)
	}
}

// touched is a file that somebody writes to so many times while it is read.
type touched struct {
	content string
	writes  int
}

func (f *touched) open() (fs.File, error) {
	file, err := fstest.MapFS{"f": {Data: []byte(f.content)}}.Open("f")
	return &touchedFile{File: file, owner: f}, err
}

type touchedFile struct {
	fs.File
	owner *touched
	stats int
}

func (f *touchedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	if f.stats++; f.stats == 2 && f.owner.writes > 0 {
		f.owner.writes--
		return later{info}, err
	}
	return info, err
}

type later struct{ fs.FileInfo }

func (l later) ModTime() time.Time { return l.FileInfo.ModTime().Add(time.Nanosecond) }

func TestLoadWhileWritten(t *testing.T) {
	f := &touched{content: "roles: [nakama]", writes: readAttempts - 1}
	if c, err := load("f", f.open); err != nil || c.Roles[0] != "nakama" {
		t.Errorf("load = %+v, %v", c, err)
	}
	f.writes = readAttempts
	if _, err := load("f", f.open); err == nil || !strings.HasPrefix(err.Error(), "read f: the file changes while it is read") {
		t.Errorf("load of a file that never rests = %v", err)
	}
}

package store_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nakama-warden/nakama-warden/agent/store"
)

func TestAFileMadeByRootIsTheDaemons(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a file for somebody else")
	}
	const daemon = 65534
	dir := t.TempDir()
	if err := os.Chown(dir, daemon, daemon); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "warden.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != daemon {
		t.Errorf("of user %d; want %d, as its folder", owner, daemon)
	}
}

package agent

import (
	"os"
	"testing"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// All of the code is brought in first, as a start does with much of it.
func TestShedCode(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	self, err := procfs.Self()
	if err != nil {
		t.Fatal(err)
	}
	mappings, err := self.ProcMaps()
	if err != nil {
		t.Fatal(err)
	}
	var code uint64
	for _, m := range mappings {
		if m.Pathname != program || !m.Perms.Execute {
			continue
		}
		code += uint64(m.EndAddr - m.StartAddr)
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.StartAddr, m.EndAddr-m.StartAddr, unix.MADV_POPULATE_READ); errno != 0 {
			t.Skipf("lacks MADV_POPULATE_READ (Linux 5.14): %v", errno)
		}
	}
	before := resident(t, self)
	if err := shedCode(); err != nil {
		t.Fatal(err)
	}
	if after := resident(t, self); after+code/2 > before {
		t.Errorf("%d bytes of files in memory, %d before; want less by half of the %d bytes of code", after, before, code)
	}
}

// resident is what is in memory of files.
func resident(t *testing.T, p procfs.Proc) uint64 {
	t.Helper()
	s, err := p.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	return s.RssFile
}

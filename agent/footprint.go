package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// startOver is when a start is over: each loop has gone round, and looked around once.
const startOver = 15 * time.Second

// shed gives back what only the start needed of the program's code. Of such pages there are more than of all others: each library
// begins by setting itself up. They stay in the page cache as long as nobody has a better use for it.
func (d *daemon) shed(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(startOver):
	}
	if err := shedCode(); err != nil {
		d.o.Log.Warn("the code of the start stays in memory, which does no harm", "error", err)
	}
}

// shedCode takes the program's code out of this process: what runs on is mapped again by the kernel as it is met. Nobody writes to
// code, so that nothing is lost.
func shedCode() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	self, err := procfs.Self()
	if err != nil {
		return err
	}
	mappings, err := self.ProcMaps()
	if err != nil {
		return fmt.Errorf("read our mappings: %w", err)
	}
	var errs []error
	for _, m := range mappings {
		if m.Pathname != program || !m.Perms.Execute || m.Perms.Write {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.StartAddr, m.EndAddr-m.StartAddr, unix.MADV_DONTNEED); errno != 0 {
			errs = append(errs, fmt.Errorf("give code back: %w", errno))
		}
	}
	return errors.Join(errs...)
}

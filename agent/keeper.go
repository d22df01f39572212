package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
)

// descriptorName is what the owning socket is called in systemd's descriptor store.
const descriptorName = "nftables"

// barrierWithin bounds how long systemd may take to empty its queue of notifications.
const barrierWithin = 5 * time.Second

// descriptorStore keeps the owning socket with systemd, which gives it to whatever it starts in our place.
type descriptorStore struct {
	socket string
	kept   os.FileInfo // what is in the store already; nil: nothing
}

var _ kernel.Keeper = descriptorStore{}

// newDescriptorStore returns nil where there is no systemd, or where it says that the unit has no store.
func newDescriptorStore(kept *os.File) kernel.Keeper {
	socket := os.Getenv("NOTIFY_SOCKET")
	// systemd 254 and newer tells the size of the store; older ones are trusted, since the unit is ours.
	if socket == "" || os.Getenv("FDSTORE") == "0" {
		return nil
	}
	s := descriptorStore{socket: socket}
	if kept != nil {
		s.kept, _ = kept.Stat() // unknown: it is stored anew
	}
	return s
}

// keptSocket is the owning socket of our predecessor, if systemd kept it.
func keptSocket() *os.File {
	var kept *os.File
	for _, f := range activation.Files(true) {
		if f.Name() == descriptorName && kept == nil {
			kept = f
			continue
		}
		_ = f.Close() // not ours, or a second of the same name
	}
	return kept
}

// Keep gives systemd a copy, in the place of another one. FDPOLL=0: a full buffer on the socket is no reason to throw it
// away (facts: nftables).
func (s descriptorStore) Keep(ctx context.Context, fd uintptr) error {
	if s.kept != nil {
		var now unix.Stat_t
		if err := unix.Fstat(int(fd), &now); err == nil && now.Ino == s.kept.Sys().(*syscall.Stat_t).Ino {
			return nil
		}
		if err := s.Forget(ctx); err != nil {
			return err
		}
	}
	if err := s.send("FDSTORE=1\nFDPOLL=0\nFDNAME="+descriptorName, int(fd)); err != nil {
		return fmt.Errorf("give the socket to systemd: %w", err)
	}
	return s.barrier(ctx)
}

// Forget has systemd drop its copy.
func (s descriptorStore) Forget(ctx context.Context) error {
	if _, err := sd.SdNotify(false, "FDSTOREREMOVE=1\nFDNAME="+descriptorName); err != nil {
		return fmt.Errorf("take the socket back from systemd: %w", err)
	}
	return s.barrier(ctx)
}

// barrier waits until systemd has read what was sent: it closes the pipe's end then.
func (s descriptorStore) barrier(ctx context.Context) error {
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reading.Close()
	err = s.send("BARRIER=1", int(writing.Fd()))
	if err := errors.Join(err, writing.Close()); err != nil {
		return fmt.Errorf("wait for systemd: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = reading.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := reading.SetReadDeadline(time.Now().Add(barrierWithin)); err != nil {
		return err
	}
	if _, err := reading.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("systemd did not confirm that it keeps the socket (older than 246?)")
	}
	return nil
}

// send is a notification with a descriptor. The net package sends descriptors over streams only.
func (s descriptorStore) send(state string, fd int) error {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	err = unix.Sendmsg(socket, []byte(state), unix.UnixRights(fd), &unix.SockaddrUnix{Name: s.socket}, 0)
	return errors.Join(os.NewSyscallError("sendmsg", err), unix.Close(socket))
}

package connections

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace. The zero value is the caller's own.
type Namespace struct {
	fd    int
	named bool // fd means something
	ours  bool // fd is to be closed by us
}

// Own is the caller's network namespace.
func Own() Namespace { return Namespace{} }

// AtFD is the namespace of an open descriptor, which stays the caller's.
func AtFD(fd int) Namespace { return Namespace{fd: fd, named: true} }

// OfProcess opens the network namespace of a process; Close it afterwards.
func OfProcess(pid int) (Namespace, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return Namespace{}, fmt.Errorf("open network namespace of process %d: %w: needs CAP_SYS_PTRACE "+
			"(run as root, or see \"capabilities\" in the manual)", pid, err)
	case err != nil:
		return Namespace{}, fmt.Errorf("open network namespace of process %d: %w", pid, err)
	}
	return Namespace{fd: fd, named: true, ours: true}, nil
}

// Close gives back what OfProcess opened; of the others there is nothing to give back.
func (ns Namespace) Close() error {
	if !ns.ours {
		return nil
	}
	return unix.Close(ns.fd)
}

// addresses are the namespace's own.
func (ns Namespace) addresses() (map[netip.Addr]struct{}, error) {
	own := map[netip.Addr]struct{}{}
	err := ns.inside(func(uint64) error {
		networks, err := net.InterfaceAddrs()
		for _, network := range networks {
			if prefix, err := netip.ParsePrefix(network.String()); err == nil {
				own[prefix.Addr().Unmap()] = struct{}{}
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read own addresses: %w", err)
	}
	return own, nil
}

// inside runs fn on a thread in the namespace, and tells the namespace's inode.
func (ns Namespace) inside(fn func(inode uint64) error) error {
	var here, there unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &here); err != nil {
		return fmt.Errorf("find the network namespace: %w", err)
	}
	if !ns.named {
		return fn(here.Ino)
	}
	if err := unix.Fstat(ns.fd, &there); err != nil {
		return fmt.Errorf("find the network namespace: %w", err)
	}
	if there.Ino == here.Ino && there.Dev == here.Dev {
		return fn(here.Ino) // entering it again would need a capability
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and no other finds itself in a foreign namespace.
		runtime.LockOSThread()
		if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", explainEntry(err))
			return
		}
		done <- fn(there.Ino)
	}()
	return <-done
}

func explainEntry(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: needs CAP_SYS_ADMIN (run as root, or see \"capabilities\" in the manual)", err)
	}
	return err
}

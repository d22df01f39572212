package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace, held by its descriptor: it has no name in the file system and is gone with the
// last who uses it.
type namespace struct {
	handle netns.NsHandle
	links  *netlink.Handle // configures links from any thread
}

// newNamespace makes a network namespace with a loopback that is up.
func newNamespace() (*namespace, error) {
	n := &namespace{handle: netns.None()}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w: needs CAP_SYS_ADMIN (run inside lab.Main)", err)
		}
		handle, err := netns.Get()
		if err != nil {
			return fmt.Errorf("hold the network namespace: %w", err)
		}
		n.handle = handle
		return prepareThread()
	})
	if err == nil {
		n.links, err = netlink.NewHandleAt(n.handle, unix.NETLINK_ROUTE)
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// do runs fn on a thread inside the namespace.
func (n *namespace) do(fn func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return fn()
	})
}

// close may be called again.
func (n *namespace) close() {
	if n.links != nil {
		n.links.Close()
		n.links = nil
	}
	if n.handle.IsOpen() {
		n.handle.Close()
	}
}

// onThread runs fn on a thread of its own. The thread is never unlocked, so the runtime ends it with the goroutine and
// no other goroutine ever finds itself in a foreign namespace. When fn leaves by Goexit, as t.Fatal does, so does the
// caller.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		done <- fn()
	}()
	err, returned := <-done
	if !returned {
		runtime.Goexit()
	}
	return err
}

// prepareThread readies the network namespace of the calling thread: loopback up, IPv6 usable at once (without the
// second that duplicate address detection takes).
func prepareThread() error {
	for name, value := range map[string]string{
		"net/ipv6/conf/all/disable_ipv6":     "0",
		"net/ipv6/conf/default/disable_ipv6": "0",
		"net/ipv6/conf/all/accept_dad":       "0",
		"net/ipv6/conf/default/accept_dad":   "0",
	} {
		if err := writeSysctl(name, value); err != nil {
			return fmt.Errorf("%w: the lab needs IPv6 in the kernel and a writable /proc/sys", err)
		}
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// writeSysctl sets a network sysctl of the calling thread's namespace.
func writeSysctl(name, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
}

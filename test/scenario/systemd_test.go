package scenario

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// notices are what a daemon tells its service manager, newest last.
type notices struct {
	store  *descriptorStore
	socket *net.UnixConn
	ended  chan struct{}

	mu      sync.Mutex // guards what follows
	lines   []string
	waiting map[string]chan struct{} // closed when the line comes
}

func listenNotices(path string, store *descriptorStore) (*notices, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n := &notices{store: store, socket: socket, ended: make(chan struct{}), waiting: map[string]chan struct{}{}}
	go n.read()
	return n, nil
}

func (n *notices) close() {
	_ = n.socket.Close() // ends read
	<-n.ended
}

func (n *notices) read() {
	defer close(n.ended)
	buffer, rights := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(mostDescriptors*4))
	for {
		size, rightsSize, _, _, err := n.socket.ReadMsgUnix(buffer, rights)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return // closed
		}
		lines := strings.Split(string(buffer[:size]), "\n")
		n.store.take(lines, descriptors(rights[:rightsSize]))
		n.take(lines)
	}
}

func (n *notices) take(lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, lines...)
	for _, line := range lines {
		if came, waited := n.waiting[line]; waited {
			close(came)
			delete(n.waiting, line)
		}
	}
}

// await returns a channel that is closed when the line has come.
func (n *notices) await(line string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	came, waited := n.waiting[line]
	if !waited {
		came = make(chan struct{})
		if slices.Contains(n.lines, line) {
			close(came)
			return came
		}
		n.waiting[line] = came
	}
	return came
}

func (n *notices) expect(line string) error {
	select {
	case <-n.await(line):
		return nil
	case <-time.After(patience):
		n.mu.Lock()
		defer n.mu.Unlock()
		return fmt.Errorf("not heard in %s; heard %q", patience, n.lines)
	}
}

// forget makes the lines before this instant not count.
func (n *notices) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = nil
}

// mostDescriptors that come with one notification.
const mostDescriptors = 8

// descriptorStore is what systemd keeps of a unit while the unit is down.
type descriptorStore struct {
	mu   sync.Mutex // guards kept
	kept []*os.File
}

// take keeps what came with FDSTORE=1. Everything else is closed: that is what BARRIER=1 waits for.
func (s *descriptorStore) take(lines []string, came []*os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(lines, "FDSTOREREMOVE=1") {
		closeAll(s.kept)
		s.kept = nil
	}
	if slices.Contains(lines, "FDSTORE=1") {
		s.kept = append(s.kept, came...)
		return
	}
	closeAll(came)
}

// files are what the next start gets; they stay in the store.
func (s *descriptorStore) files() []*os.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// forget is what systemd does when a unit is stopped.
func (s *descriptorStore) forget() {
	s.take([]string{"FDSTOREREMOVE=1"}, nil)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

// descriptors takes the files out of a control message.
func descriptors(rights []byte) []*os.File {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "kept"))
		}
	}
	return files
}

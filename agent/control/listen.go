package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxPath is the kernel's limit: sun_path has 108 bytes, the last of which is NUL (unix(7)).
	maxPath = 107
	// probeTimeout bounds the question whether somebody listens. The kernel answers at once; the bound is for a
	// listener whose backlog is full.
	probeTimeout = time.Second
)

// Listen opens the socket. One that a dead daemon left behind is removed; one that answers is left alone, and so is
// a file that is no socket.
func Listen(path string) (net.Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := privately().Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on control socket: %w", err)
	}
	return l, nil
}

func checkPath(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("control socket %s: the path has %d bytes and the kernel takes %d: choose a shorter --state",
			path, len(path), maxPath)
	}
	return nil
}

// privately makes a socket that is 0600 from its first instant, whatever the umask: bind(2) takes the mode of the
// socket's own inode for the file. Changing the file after bind would leave it open to others in between, and the
// umask belongs to the whole process.
func privately() *net.ListenConfig {
	return &net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) }); err != nil {
			return err
		}
		return failed
	}}
}

// lockFolder keeps two daemons that start at once from removing each other's socket.
func lockFolder(path string) (unlock func(), err error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("lock folder of the control socket: %w", err)
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock folder of the control socket %s: %w", path, err), folder.Close())
	}
	return func() { _ = folder.Close() }, nil // closing unlocks
}

func removeStale(path string) error {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("control socket %s: the file there is no socket: move it away", path)
	}
	switch _, err := probe(context.Background(), path); {
	case err == nil, errors.Is(err, syscall.EAGAIN): // EAGAIN: it listens, and its backlog is full
		return fmt.Errorf("control socket %s: another nakama-warden is running", path)
	case !errors.Is(err, ErrNoDaemon):
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale control socket: %w", err)
	}
	return nil
}

// probe says who listens: ErrNoDaemon if there is no socket or nobody behind it.
func probe(ctx context.Context, path string) (Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return Credentials{}, absent(err)
	}
	peer, _ := credentialsOf(conn)
	return peer, conn.Close()
}

// absent turns the kernel's ways of saying "nobody there" into ErrNoDaemon.
func absent(err error) error {
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w (%w)", ErrNoDaemon, err)
	}
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%w: run as root or as the daemon's user", err)
	}
	return err
}

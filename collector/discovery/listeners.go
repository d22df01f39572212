package discovery

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listener is a TCP socket that listens.
type listener struct {
	addr  netip.AddrPort
	inode uint64
	user  uint32 // whose it is
}

// listeners lists those of the namespace that a process is in, once a pass.
func (p *pass) listeners(net network, pid int) ([]listener, error) {
	if found, known := p.tables[net.table]; known {
		return found, nil
	}
	found, err := p.askListeners(net, pid)
	if err != nil {
		// Asking costs the listeners only. Reading makes the kernel walk its whole table of connections to find out that
		// the listeners are over, but works without privilege in every namespace.
		found, err = readListeners(p.path(pid, "net"))
	}
	if err != nil {
		return nil, err
	}
	p.tables[net.table] = found
	return found, nil
}

// askListeners asks the kernel directly, where this /proc is the kernel's and the namespace may be entered.
func (p *pass) askListeners(net network, pid int) ([]listener, error) {
	if p.opts.Proc != defaultProc {
		return nil, errors.ErrUnsupported
	}
	if net.table == p.own.table {
		return diagnose(0)
	}
	namespace, err := os.Open(p.path(pid, "ns/net"))
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	return diagnose(int(namespace.Fd()))
}

// readListeners reads those of both families from a folder such as /proc/1/net.
func readListeners(dir string) ([]listener, error) {
	four, err := readTable(filepath.Join(dir, "tcp"))
	if err != nil {
		return nil, err
	}
	six, err := readTable(filepath.Join(dir, "tcp6"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel may have no IPv6
		return nil, err
	}
	return append(four, six...), nil
}

func readTable(path string) ([]listener, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := parseTable(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return found, nil
}

// stateListen is the state of a listener in /proc/net/tcp, in hexadecimal.
const stateListen = "0A"

// parseTable reads lines of number, local and remote address, state, queues, timer, retransmissions, user, timeouts,
// inode. The kernel lists listeners before all else, and writes the text while it is read: it is not read further.
func parseTable(text io.Reader) ([]listener, error) {
	lines := bufio.NewScanner(text)
	lines.Scan() // the heading
	var found []listener
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			return nil, errors.New("malformed line")
		}
		if fields[3] != stateListen {
			return found, nil
		}
		addr, err := parseAddress(fields[1])
		user, err2 := strconv.ParseUint(fields[7], 10, 32)
		inode, err3 := strconv.ParseUint(fields[9], 10, 64)
		if err := errors.Join(err, err2, err3); err != nil {
			return nil, fmt.Errorf("malformed line: %w", err)
		}
		found = append(found, listener{addr, inode, uint32(user)})
	}
	return found, lines.Err()
}

// parseAddress reads "0100007F:1CB7": words of the machine's byte order, then a number.
func parseAddress(text string) (netip.AddrPort, error) {
	words, number, _ := strings.Cut(text, ":")
	port, err := strconv.ParseUint(number, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	raw, err := hex.DecodeString(words)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("an address of %d bytes", len(raw))
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

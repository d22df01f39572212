package paths

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

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// socket is a listening TCP socket or an unconnected UDP socket.
type socket struct {
	protocol policy.Protocol
	addr     netip.AddrPort
	inode    uint64
}

// The states of sockets in /proc/net, in hexadecimal.
const (
	stateListen      = "0A"
	stateUnconnected = "07" // of UDP
)

// readSockets lists the listeners of the namespace behind a folder such as /proc/1/net.
func readSockets(dir string, protocol policy.Protocol) ([]socket, error) {
	var all []socket
	for _, name := range []string{string(protocol), string(protocol) + "6"} {
		found, err := readSocketFile(filepath.Join(dir, name), protocol)
		if errors.Is(err, fs.ErrNotExist) && name != string(protocol) {
			continue // no IPv6 in this kernel
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func readSocketFile(path string, protocol policy.Protocol) ([]socket, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := parseSockets(file, protocol)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return found, nil
}

// parseSockets reads a table of /proc/net. The kernel lists TCP listeners before anything else, and produces the text as
// it is read: with 100,000 connections behind them, stopping at the first other state is what keeps this cheap.
func parseSockets(text io.Reader, protocol policy.Protocol) ([]socket, error) {
	lines := bufio.NewScanner(text)
	lines.Scan() // the heading
	var found []socket
	for lines.Scan() {
		s, state, err := parseSocket(lines.Text(), protocol)
		if err != nil {
			return nil, err
		}
		switch {
		case protocol == policy.TCP && state != stateListen:
			return found, nil
		case protocol == policy.TCP || state == stateUnconnected:
			found = append(found, s)
		}
	}
	return found, lines.Err()
}

// parseSocket reads one line: number, local and remote address, state, queues, timers, retransmissions, user, timeouts,
// inode.
func parseSocket(line string, protocol policy.Protocol) (socket, string, error) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return socket{}, "", fmt.Errorf("malformed line %q", line)
	}
	addr, err := parseAddrPort(fields[1])
	if err != nil {
		return socket{}, "", fmt.Errorf("malformed line %q: %w", line, err)
	}
	inode, err := strconv.ParseUint(fields[9], 10, 64)
	if err != nil {
		return socket{}, "", fmt.Errorf("malformed line %q: inode: %w", line, err)
	}
	return socket{protocol: protocol, addr: addr, inode: inode}, fields[3], nil
}

// parseAddrPort reads "0100007F:1CB7". The address is printed as 32-bit words of the machine's byte order, the port as a
// number.
func parseAddrPort(text string) (netip.AddrPort, error) {
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

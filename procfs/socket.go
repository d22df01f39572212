package procfs

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

// Protocol is named as the tables of /proc/net are.
type Protocol string

// The protocols whose sockets are listed.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Socket is a TCP socket that listens, or a UDP socket that is not connected.
type Socket struct {
	Addr  netip.AddrPort
	Inode uint64
	User  uint32 // whose it is
}

// ReadSockets lists those of both families from a folder such as /proc/1/net.
func ReadSockets(dir string, protocol Protocol) ([]Socket, error) {
	four, err := readTable(filepath.Join(dir, string(protocol)), protocol)
	if err != nil {
		return nil, err
	}
	six, err := readTable(filepath.Join(dir, string(protocol)+"6"), protocol)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel may have no IPv6
		return nil, err
	}
	return append(four, six...), nil
}

func readTable(path string, protocol Protocol) ([]Socket, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := parseTable(file, protocol)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return found, nil
}

// The states of sockets in /proc/net, in hexadecimal.
const (
	stateListen      = "0A"
	stateUnconnected = "07" // of UDP
)

// parseTable reads what stands below the heading. The kernel lists TCP's listeners before all else, and writes the text while
// it is read: with 100,000 connections behind them, stopping at the first other state is what keeps this cheap.
func parseTable(text io.Reader, protocol Protocol) ([]Socket, error) {
	lines := bufio.NewScanner(text)
	lines.Scan() // the heading
	var found []Socket
	for lines.Scan() {
		s, state, err := parseLine(lines.Text())
		switch {
		case err != nil:
			return nil, fmt.Errorf("malformed line %q: %w", lines.Text(), err)
		case protocol == TCP && state != stateListen:
			return found, nil
		case protocol == TCP || state == stateUnconnected:
			found = append(found, s)
		}
	}
	return found, lines.Err()
}

// parseLine reads number, local and remote address, state, queues, timers, retransmissions, user, timeouts, inode.
func parseLine(line string) (s Socket, state string, err error) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return Socket{}, "", errors.New("it is too short")
	}
	addr, err := parseAddr(fields[1])
	user, err2 := strconv.ParseUint(fields[7], 10, 32)
	inode, err3 := strconv.ParseUint(fields[9], 10, 64)
	return Socket{addr, inode, uint32(user)}, fields[3], errors.Join(err, err2, err3)
}

// parseAddr reads "0100007F:1CB7". The address is printed as 32-bit words of the machine's byte order, the port as a number.
func parseAddr(text string) (netip.AddrPort, error) {
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

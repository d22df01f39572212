package paths

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// inner is an interface of another namespace that is up.
type inner struct {
	index int
	name  string
}

// readInterfaces lists what is up in the namespace behind a folder such as /proc/1/net, without loopback. An interface
// that is up and has a protocol has joined its multicast groups: igmp and if_inet6 name those, with their numbers.
func readInterfaces(dir string) ([]inner, error) {
	four, err := os.ReadFile(filepath.Join(dir, "igmp"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	six, err := os.ReadFile(filepath.Join(dir, "if_inet6"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	all := append(parseIGMP(four), parseInet6Interfaces(six)...)
	all = slices.DeleteFunc(all, func(i inner) bool { return i.name == "lo" })
	return sorted(all, func(a, b inner) int { return a.index - b.index }), nil
}

// parseIGMP reads lines such as "2\teth0      :     1      V3"; the groups below each begin with a tab.
func parseIGMP(text []byte) []inner {
	var found []inner
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "\t") || len(fields) < 2 {
			continue
		}
		if index, err := strconv.Atoi(fields[0]); err == nil {
			found = append(found, inner{index, strings.TrimSuffix(fields[1], ":")})
		}
	}
	return found
}

// parseInet6Interfaces and parseInet6 read lines of if_inet6: address, interface number (hexadecimal), prefix length,
// scope, flags, interface name.
func parseInet6Interfaces(text []byte) []inner {
	var found []inner
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 6 {
			continue
		}
		if index, err := strconv.ParseInt(fields[1], 16, 32); err == nil {
			found = append(found, inner{int(index), fields[5]})
		}
	}
	return found
}

func parseInet6(text []byte) []netip.Addr {
	var found []netip.Addr
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 6 {
			continue
		}
		raw, err := hex.DecodeString(fields[0])
		if addr, ok := netip.AddrFromSlice(raw); err == nil && ok {
			found = append(found, addr)
		}
	}
	return found
}

// readAddresses returns the addresses of the namespace behind a folder such as /proc/1/net that others can send to.
// The files are readable where entering the namespace is not allowed.
func readAddresses(dir string) ([]netip.Addr, error) {
	four, err := os.ReadFile(filepath.Join(dir, "fib_trie"))
	if err != nil {
		return nil, err
	}
	six, err := os.ReadFile(filepath.Join(dir, "if_inet6"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	all := append(parseTrie(four), parseInet6(six)...)
	all = slices.DeleteFunc(all, func(a netip.Addr) bool { return a.IsLoopback() || a.IsLinkLocalUnicast() })
	return sorted(all, netip.Addr.Compare), nil
}

// parseTrie finds the local addresses in fib_trie: a line "|-- 172.17.0.2" followed by "/32 host LOCAL".
func parseTrie(text []byte) []netip.Addr {
	var found []netip.Addr
	var leaf netip.Addr
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if rest, isLeaf := bytes.CutPrefix(line, []byte("|-- ")); isLeaf {
			leaf, _ = netip.ParseAddr(string(rest)) // the zero address on nonsense
		} else if bytes.HasPrefix(line, []byte("/32 host LOCAL")) && leaf.IsValid() {
			found = append(found, leaf)
		}
	}
	return found
}

package paths

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// attachment is how another namespace is connected to this host.
type attachment struct {
	direct bool // by a veth pair whose near end is here: what goes there passes our forward hook
	behind bool // and by nothing else
	reason string
}

// attach finds out how the namespace of a process is connected. A veth pair is known by both its ends; anything else in
// the namespace is a way past our hooks.
func (l *look) attach(p process) attachment {
	dir := filepath.Join(l.opts.Proc, strconv.Itoa(p.pid))
	interfaces, err := readInterfaces(filepath.Join(dir, "net"))
	if err != nil {
		l.problem(fmt.Sprintf("list the interfaces of process %d", p.pid), err)
		return attachment{reason: "its network interfaces could not be seen"}
	}
	id, err := l.host.namespaceID(p.pid)
	if err != nil {
		l.problem(fmt.Sprintf("find the network namespace of process %d", p.pid), err)
		id = -1
	}
	a := attachment{behind: true}
	for _, i := range interfaces {
		near, ours := l.nearEnd(i, id)
		switch {
		case !ours && l.reachedByProgram(p):
		case !ours:
			a.fault(i.name + " of its namespace " + kindOf(dir, i))
		case near.master != 0:
			a.direct = true
			a.fault(l.bridged(near.master))
		default:
			a.direct = true
		}
	}
	return a
}

// fault notes the first reason why packets may pass our hooks by.
func (a *attachment) fault(reason string) {
	if reason != "" && a.behind {
		a.behind, a.reason = false, reason
	}
}

// nearEnd finds our end of the pair that an interface of namespace number id is the far end of.
func (l *look) nearEnd(i inner, id int) (link, bool) {
	for _, near := range l.links {
		if near.kind == "veth" && id >= 0 && near.peerNS == id && near.peer == i.index {
			return near, true
		}
	}
	return link{}, false
}

// bridged says why a bridge of this host is a way past our hooks: from a port with a network behind it frames are
// switched, not routed.
func (l *look) bridged(bridge int) string {
	var name string
	for _, port := range l.links {
		if port.index == bridge {
			name = port.name
		}
	}
	for _, port := range l.links {
		if port.master == bridge && port.kind != "veth" && port.kind != "tun" {
			return fmt.Sprintf("bridge %s has the port %s: frames from there are switched to it past our hooks", name, port.name)
		}
	}
	return ""
}

// reachedByProgram says that a namespace belongs to an ordinary user, who cannot lay cables, and whose network is a
// program in our namespace: its listeners are on this host, behind our hooks.
func (l *look) reachedByProgram(p process) bool {
	theirs, err := os.Readlink(filepath.Join(l.opts.Proc, strconv.Itoa(p.pid), "ns/user"))
	if err != nil {
		return false
	}
	ours, err := os.Readlink(filepath.Join(l.opts.Proc, "thread-self/ns/user"))
	if err != nil || ours == theirs {
		return false
	}
	return slices.ContainsFunc(l.own.processes, func(p process) bool { return p.named(userNetworks()) })
}

// kindOf says what an interface of another namespace is, as far as the sysfs that its processes see tells.
func kindOf(dir string, i inner) string {
	device := filepath.Join(dir, "root/sys/class/net", i.name)
	number, err := os.ReadFile(filepath.Join(device, "ifindex"))
	if err != nil || strings.TrimSpace(string(number)) != strconv.Itoa(i.index) {
		return "is no veth pair of this host (macvlan, ipvlan, or the network of another namespace)"
	}
	uevent, err := os.ReadFile(filepath.Join(device, "uevent"))
	if err != nil {
		return "is of an unknown kind"
	}
	for line := range strings.Lines(string(uevent)) {
		if kind, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVTYPE="); ok {
			return "is a " + kind + " interface: its packets do not pass our hooks"
		}
	}
	return "is no veth pair of this host"
}

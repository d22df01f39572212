// Package refusals knows who was refused.
//
// A rule of the firewall counts what it refuses and, within a limit, tells of it: the kernel sends the packet's first
// bytes to an NFLOG group with a prefix that names service and verdict. A Listener turns that into Refusals, a Book
// remembers their sources for as long as an audit lasts, PerMinute makes events of them.
//
// The one idea: anybody can make refusals, with any source address, as fast as a network card receives. So nothing here
// grows with the number of packets or of sources, nothing blocks the kernel, and what is lost or forgotten is counted: a
// report of who was refused is worth only as much as what it says about those that it does not list.
package refusals

import (
	"net/netip"
	"strings"
	"time"
)

// Refusal is one packet that was turned away, or in audit would have been.
type Refusal struct {
	Time     time.Time // when the kernel told of it: within a second of the packet
	Service  string
	Verdict  string
	Source   netip.Addr
	Port     uint16 // that the packet was sent to; 0 where it carries none, as a later fragment does
	Protocol string // tcp, udp, or the number of another one
}

// The verdicts, as in the names of the ruleset's counters.
const (
	Refused     = "refused"
	WouldRefuse = "would_refuse"
)

const (
	prefixMark = "nakama-warden"
	// prefixSize is the longest prefix that the kernel takes (NF_LOG_PREFIXLEN, less the closing zero).
	prefixSize = 127
)

// Prefix is what the rule of a service and verdict puts before what it logs. A name too long for the kernel is cut.
func Prefix(service, verdict string) string {
	prefix := prefixMark + " " + verdict + " " + service
	return prefix[:min(len(prefix), prefixSize)]
}

// ParsePrefix is the inverse of Prefix. What others log to the same group is not ok.
func ParsePrefix(prefix string) (service, verdict string, ok bool) {
	mark, rest, _ := strings.Cut(prefix, " ")
	verdict, service, _ = strings.Cut(rest, " ")
	if mark != prefixMark || verdict == "" || service == "" {
		return "", "", false
	}
	return service, verdict, true
}

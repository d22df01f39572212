package ruleset

import (
	"fmt"
	"strings"

	"go4.org/netipx"
)

// String is the ruleset in nft's notation: `nft -f` loads it and makes the same table.
func (r Ruleset) String() string {
	if r.Absent() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", TableName)
	for _, name := range r.Counters {
		fmt.Fprintf(&b, "\tcounter %s {\n\t}\n\n", name)
	}
	for _, s := range r.Sets {
		b.WriteString(s.String() + "\n")
	}
	for i, c := range r.Chains {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(c.String())
	}
	for _, f := range r.Foreign {
		fmt.Fprintf(&b, "\t# %s\n", f)
	}
	b.WriteString("}\n")
	return b.String()
}

func (s Set) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\tset %s {\n\t\ttype ipv%d_addr\n\t\tflags interval\n", s.Name, s.Family)
	if len(s.Ranges) > 0 {
		elements := make([]string, len(s.Ranges))
		for i, r := range s.Ranges {
			elements[i] = elementString(r)
		}
		fmt.Fprintf(&b, "\t\telements = { %s }\n", strings.Join(elements, ",\n\t\t\t     "))
	}
	if s.Odd != "" {
		fmt.Fprintf(&b, "\t\t# %s\n", s.Odd)
	}
	b.WriteString("\t}\n")
	return b.String()
}

// elementString writes a range as an address, a prefix or a range, the shortest that fits.
func elementString(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	if p, ok := r.Prefix(); ok {
		return p.String()
	}
	return r.String()
}

func (c Chain) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\tchain %s {\n", c.Name)
	if c.Hook != (Hook{}) {
		fmt.Fprintf(&b, "\t\t%s\n", c.Hook)
	}
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "\t\t%s\n", r)
	}
	b.WriteString("\t}\n")
	return b.String()
}

func (h Hook) String() string {
	text := fmt.Sprintf("type filter hook %s priority %d; policy accept;", h.Name, h.Priority)
	if h.Odd != "" {
		text += " # " + h.Odd
	}
	return text
}

func (r Rule) String() string {
	parts := make([]string, len(r))
	for i, s := range r {
		parts[i] = s.String()
	}
	return strings.Join(parts, " ")
}

// String is the statement in nft's notation; a foreign statement is described.
func (s Statement) String() string {
	switch s.Op {
	case FromLoopback:
		return `iif "lo"`
	case FromInterface:
		return fmt.Sprintf("iifname %q", s.Name)
	case ToInterface:
		return fmt.Sprintf("oifname %q", s.Name)
	case ToTCPPort:
		return fmt.Sprintf("tcp dport %d", s.Port)
	case ToUDPPort:
		return fmt.Sprintf("udp dport %d", s.Port)
	case ToLocal:
		return "fib daddr type local"
	case ToAddress:
		if s.Addr.Is4() {
			return "ip daddr " + s.Addr.String()
		}
		return "ip6 daddr " + s.Addr.String()
	case Log:
		return fmt.Sprintf("limit rate %d/second burst %d packets log prefix %q group %d snaplen %d", LogRate, LogBurst, s.Name, s.Port, LogBytes)
	case Translated:
		return "ct status dnat"
	case FromSet4:
		return "ip saddr @" + s.Name
	case FromSet6:
		return "ip6 saddr @" + s.Name
	case Count:
		return fmt.Sprintf("counter name %q", s.Name)
	case Jump:
		return "jump " + s.Name
	case Return:
		return "return"
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case ResetTCP:
		return "reject with tcp reset"
	case Unreachable:
		return "reject"
	default:
		return "(" + s.Name + ")"
	}
}

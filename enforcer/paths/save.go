package paths

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// save is the nat table in the notation of iptables-save.
type save struct {
	six      bool
	chains   []string
	rules    map[string][]saveRule
	steps    int
	found    []translation
	problems []string
}

// saveRule is one "-A" line, as far as it matters.
type saveRule struct {
	narrow func(match) match
	jump   string // a chain or a target
	to     string // of DNAT (--to-destination) and REDIRECT (--to-ports)
}

// parseSave reads the nat table out of the text; lines that are not understood are left out.
func parseSave(text string) *save {
	s := &save{rules: map[string][]saveRule{}}
	inNAT := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			inNAT = line == "*nat"
		case !inNAT:
		case strings.HasPrefix(line, ":"):
			name, _, _ := strings.Cut(line[1:], " ")
			s.chains = append(s.chains, name)
		default:
			s.addRule(splitQuoted(line))
		}
	}
	return s
}

func (s *save) addRule(words []string) {
	if len(words) > 0 && strings.HasPrefix(words[0], "[") {
		words = words[1:] // counters
	}
	if len(words) < 2 || words[0] != "-A" {
		return
	}
	s.rules[words[1]] = append(s.rules[words[1]], parseRule(words[2:]))
}

// parseRule reads the options of a rule. "!" comes before the option that it inverts.
func parseRule(words []string) saveRule {
	m := anything()
	var r saveRule
	inverted := false
	for i := 0; i < len(words); i++ {
		if words[i] == "!" {
			inverted = true
			continue
		}
		if i+1 < len(words) {
			value := words[i+1]
			switch words[i] {
			case "-p":
				m = onNamedProtocol(m, value, inverted)
			case "--dport", "--dports":
				if ports, ok := parsePorts(value); ok {
					if inverted {
						ports = ports.complement()
					}
					m = m.onPorts(ports)
				}
			case "-j", "-g":
				r.jump = value
			case "--to-destination", "--to-ports":
				r.to = value
			}
		}
		inverted = false
	}
	r.narrow = func(outer match) match {
		return match{tcp: outer.tcp && m.tcp, udp: outer.udp && m.udp, ports: outer.ports.intersect(m.ports)}
	}
	return r
}

func onNamedProtocol(m match, name string, inverted bool) match {
	switch name {
	case "all":
		return m
	case "tcp", "6":
		return m.onProtocol(protocolTCP, inverted)
	case "udp", "17":
		return m.onProtocol(protocolUDP, inverted)
	}
	return m.onProtocol(0, inverted) // neither of both
}

// parsePorts reads "80", "80:90", "80,443,1000:2000", ":1023".
func parsePorts(text string) (portSet, bool) {
	var ranges []portRange
	for part := range strings.SplitSeq(text, ",") {
		r, ok := parsePortRange(part, ":")
		if !ok {
			return nil, false
		}
		ranges = append(ranges, r)
	}
	return union(ranges...), true
}

func parsePortRange(text, separator string) (portRange, bool) {
	low, high, isRange := strings.Cut(text, separator)
	if !isRange {
		high = low
	}
	if isRange && low == "" {
		low = "0"
	}
	if isRange && high == "" {
		high = "65535"
	}
	first, err := strconv.ParseUint(low, 10, 16)
	if err != nil {
		return portRange{}, false
	}
	last, err := strconv.ParseUint(high, 10, 16)
	return portRange{uint16(first), uint16(last)}, err == nil
}

// translations follows the table from where packets from outside enter it.
func (s *save) translations() []translation {
	s.follow("PREROUTING", anything(), 0)
	return s.found
}

func (s *save) follow(chain string, m match, depth int) {
	if depth > maxDepth {
		return
	}
	for _, r := range s.rules[chain] {
		if s.steps++; s.steps == maxSteps {
			s.problems = append(s.problems, "the NAT rules of iptables-legacy: "+errTooManyRules.Error())
		}
		if s.steps >= maxSteps {
			return
		}
		narrowed := r.narrow(m)
		if narrowed.isEmpty() {
			continue
		}
		switch r.jump {
		case "DNAT", "REDIRECT":
			s.add(chain, r, narrowed)
		default:
			s.follow(r.jump, narrowed, depth+1)
		}
	}
}

func (s *save) add(chain string, r saveRule, m match) {
	t, ok := parseDestination(r.to, r.jump == "REDIRECT")
	t.via, t.match = "iptables-legacy "+familyName(legacyFamily(s.six))+" "+chain, m
	if !ok {
		s.problems = append(s.problems, fmt.Sprintf("where a %s of %s leads could not be read: %q", r.jump, t.via, r.to))
		return
	}
	s.found = append(s.found, t)
}

// parseDestination reads "ADDRESS[-ADDRESS][:PORT[-PORT[/BASE]]]", where an IPv6 address with a port is in brackets, or
// for a redirect "PORT[-PORT]" or nothing.
func parseDestination(text string, isRedirect bool) (translation, bool) {
	var t translation
	addresses, ports := "", text
	if !isRedirect {
		addresses, ports = splitDestination(text)
	}
	if addresses != "" {
		low, high, isRange := strings.Cut(addresses, "-")
		if !isRange {
			high = low
		}
		var err, errTo error
		t.from, err = netip.ParseAddr(low)
		t.to, errTo = netip.ParseAddr(high)
		if err != nil || errTo != nil {
			return translation{}, false
		}
	}
	if ports == "" {
		return t, addresses != "" || isRedirect
	}
	ports, base, shifted := strings.Cut(ports, "/")
	r, ok := parsePortRange(ports, "-")
	if !ok {
		return translation{}, false
	}
	t.low, t.high = r.first, r.last
	if shifted {
		b, ok := parsePortRange(base, "-")
		if !ok {
			return translation{}, false
		}
		t.shifted, t.base = true, b.first
	}
	return t, true
}

func splitDestination(text string) (addresses, ports string) {
	if inside, ok := strings.CutPrefix(text, "["); ok {
		addresses, rest, _ := strings.Cut(inside, "]")
		return addresses, strings.TrimPrefix(rest, ":")
	}
	if strings.Count(text, ":") > 1 {
		return text, "" // IPv6 without a port
	}
	addresses, ports, _ = strings.Cut(text, ":")
	return addresses, ports
}

// splitQuoted splits at spaces outside double quotes, where a backslash takes the next character as it is.
func splitQuoted(line string) []string {
	var words []string
	var word strings.Builder
	quoted, escaped, open := false, false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quoted:
			escaped = true
		case c == '"':
			quoted, open = !quoted, true
		case c == ' ' && !quoted:
			if word.Len() > 0 || open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(c)
		}
	}
	if word.Len() > 0 || open {
		words = append(words, word.String())
	}
	return words
}

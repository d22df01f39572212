package paths

import (
	"math"

	"github.com/google/nftables/expr"
)

// step evaluates an expression that neither ends a rule nor splits it.
func (s *state) step(e any) {
	switch e := e.(type) {
	case *expr.Meta:
		if !e.SourceRegister {
			s.registers.load(e.Register, metaField(e.Key), 4)
		}
	case *expr.Payload:
		if e.OperationType == expr.PayloadLoad {
			s.registers.load(e.DestRegister, payloadField(e), int(e.Len))
		}
	case *expr.Immediate:
		s.registers.set(e.Register, e.Data)
	case *expr.Cmp:
		s.compare(e)
	case *expr.Range:
		s.inRange(e)
	case *expr.Match:
		s.match = matchXT(e, s.match)
	// What else loads a register makes it unknown.
	case *expr.Bitwise:
		s.registers.load(e.DestRegister, unknown, int(e.Len))
	case *expr.Ct:
		s.registers.load(e.Register, unknown, 16)
	case *expr.Fib:
		s.registers.load(e.Register, unknown, 16)
	case *expr.Hash:
		s.registers.load(e.DestRegister, unknown, 4)
	case *expr.Numgen:
		s.registers.load(e.Register, unknown, 4)
	case opaque:
		s.registers = registers{}
	}
}

func metaField(key expr.MetaKey) field {
	if key == expr.MetaKeyL4PROTO {
		return protocolField
	}
	return unknown
}

// payloadField knows the protocol in an IPv4 (byte 9) and an IPv6 header (byte 6), and the destination port of TCP and UDP.
func payloadField(e *expr.Payload) field {
	switch {
	case e.Base == expr.PayloadBaseTransportHeader && e.Offset == 2 && e.Len == 2:
		return portField
	case e.Base == expr.PayloadBaseNetworkHeader && e.Len == 1 && (e.Offset == 9 || e.Offset == 6):
		return protocolField
	}
	return unknown
}

func (s *state) compare(e *expr.Cmp) {
	switch holds := s.registers.holds(e.Register); {
	case holds == protocolField && len(e.Data) == 1 && (e.Op == expr.CmpOpEq || e.Op == expr.CmpOpNeq):
		s.match = s.match.onProtocol(e.Data[0], e.Op == expr.CmpOpNeq)
	case holds == portField && len(e.Data) == 2:
		s.match = s.match.onPorts(comparedPorts(e.Op, port(e.Data)))
	}
}

func comparedPorts(op expr.CmpOp, p uint16) portSet {
	switch op {
	case expr.CmpOpEq:
		return onePort(p)
	case expr.CmpOpNeq:
		return onePort(p).complement()
	case expr.CmpOpLt:
		return union(portRange{p, math.MaxUint16}).complement()
	case expr.CmpOpLte:
		return portSet{{0, p}}
	case expr.CmpOpGt:
		return portSet{{0, p}}.complement()
	case expr.CmpOpGte:
		return portSet{{p, math.MaxUint16}}
	}
	return allPorts()
}

func (s *state) inRange(e *expr.Range) {
	if s.registers.holds(e.Register) == portField && len(e.FromData) == 2 && len(e.ToData) == 2 {
		ports := union(portRange{port(e.FromData), port(e.ToData)})
		if e.Op == expr.CmpOpNeq {
			ports = ports.complement()
		}
		s.match = s.match.onPorts(ports)
	}
}

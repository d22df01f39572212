package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// Constants of the kernel's interface that golang.org/x/sys does not name.
const (
	loopbackIndex       = 1              // the loopback interface is the first of every network namespace
	conntrackDNAT       = uint32(1 << 5) // IPS_DST_NAT
	counterObject       = 1              // NFT_OBJECT_COUNTER
	register            = unix.NFT_REG_1
	icmpPortUnreachable = 1 // NFT_REJECT_ICMPX_PORT_UNREACH
)

// expressionsOf translates a rule for the library. sets are those of the same batch; a rule of a set that is not in it
// names the set alone.
func expressionsOf(rule ruleset.Rule, sets map[string]*nftables.Set) ([]expr.Any, error) {
	var exprs []expr.Any
	for _, s := range rule {
		es := statementExpressions(s)
		if es == nil {
			return nil, fmt.Errorf("cannot write statement %q", s)
		}
		for _, e := range es {
			if lookup, ok := e.(*expr.Lookup); ok && sets[lookup.SetName] != nil {
				lookup.SetID = sets[lookup.SetName].ID
			}
		}
		exprs = append(exprs, es...)
	}
	return exprs, nil
}

// statementExpressions is the one place that says how a statement is written; decoding compares with it.
func statementExpressions(s ruleset.Statement) []expr.Any {
	switch s.Op {
	case ruleset.FromLoopback:
		return metaEquals(expr.MetaKeyIIF, binary.NativeEndian.AppendUint32(nil, loopbackIndex))
	case ruleset.FromInterface:
		return metaEquals(expr.MetaKeyIIFNAME, interfaceName(s.Name))
	case ruleset.ToInterface:
		return metaEquals(expr.MetaKeyOIFNAME, interfaceName(s.Name))
	case ruleset.ToTCPPort:
		return toPort(unix.IPPROTO_TCP, s.Port)
	case ruleset.ToUDPPort:
		return toPort(unix.IPPROTO_UDP, s.Port)
	case ruleset.ToLocal:
		return []expr.Any{
			&expr.Fib{Register: register, FlagDADDR: true, ResultADDRTYPE: true},
			equals(binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)),
		}
	case ruleset.ToAddress:
		return toAddress(s.Addr)
	case ruleset.Log:
		return []expr.Any{
			&expr.Limit{Type: expr.LimitTypePkts, Rate: ruleset.LogRate, Unit: expr.LimitTimeSecond, Burst: ruleset.LogBurst},
			&expr.Log{Key: logAttributes, Group: s.Port, Snaplen: ruleset.LogBytes, Data: []byte(s.Name)},
		}
	case ruleset.Translated:
		return []expr.Any{
			&expr.Ct{Register: register, Key: expr.CtKeySTATUS},
			&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4,
				Mask: binary.NativeEndian.AppendUint32(nil, conntrackDNAT), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, 4)},
		}
	case ruleset.FromSet4:
		return fromSet(unix.NFPROTO_IPV4, 12, 4, s.Name)
	case ruleset.FromSet6:
		return fromSet(unix.NFPROTO_IPV6, 8, 16, s.Name)
	case ruleset.Count:
		return []expr.Any{&expr.Objref{Type: counterObject, Name: s.Name}}
	case ruleset.ResetTCP:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
	case ruleset.Unreachable:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: icmpPortUnreachable}}
	case ruleset.Jump:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: s.Name}}
	case ruleset.Return:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	case ruleset.Accept:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	case ruleset.Drop:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	}
	return nil
}

func equals(data []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

func metaEquals(key expr.MetaKey, data []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: register}, equals(data)}
}

func toPort(protocol byte, port uint16) []expr.Any {
	return append(metaEquals(expr.MetaKeyL4PROTO, []byte{protocol}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equals(binary.BigEndian.AppendUint16(nil, port)))
}

// logAttributes are those that a log statement of ours carries.
const logAttributes = 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_PREFIX | 1<<unix.NFTA_LOG_SNAPLEN

// toAddress compares the destination address, which stands at an offset of the network header.
func toAddress(addr netip.Addr) []expr.Any {
	protocol, offset := byte(unix.NFPROTO_IPV4), uint32(16)
	if addr.Is6() {
		protocol, offset = unix.NFPROTO_IPV6, 24
	}
	return append(metaEquals(expr.MetaKeyNFPROTO, []byte{protocol}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(addr.BitLen() / 8)},
		equals(addr.AsSlice()))
}

// fromSet looks the source address up, which stands at an offset of the network header.
func fromSet(protocol byte, offset, length uint32, set string) []expr.Any {
	return append(metaEquals(expr.MetaKeyNFPROTO, []byte{protocol}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Lookup{SourceRegister: register, SetName: set})
}

func interfaceName(name string) []byte {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded[:unix.IFNAMSIZ-1], name)
	return padded
}

// statementsOf reads a rule back. What no statement of ours would have written becomes a foreign one.
func statementsOf(exprs []expr.Any) ruleset.Rule {
	var rule ruleset.Rule
	for len(exprs) > 0 {
		s, n := firstStatement(exprs)
		rule = append(rule, s)
		exprs = exprs[n:]
	}
	return rule
}

// firstStatement reads the longest statement that the expressions begin with, and how many it takes.
func firstStatement(exprs []expr.Any) (ruleset.Statement, int) {
	for n := min(len(exprs), longestStatement); n > 0; n-- {
		guess := guessStatement(exprs[:n])
		if written := statementExpressions(guess); len(written) == n && sameExpressions(written, exprs[:n]) {
			return guess, n
		}
	}
	return ruleset.Statement{Op: ruleset.Foreign, Name: describe(exprs[0])}, 1
}

// longestStatement is the largest number of expressions that one statement is written as.
const longestStatement = 4

// guessStatement names the one statement that could have been written as these expressions. It need not be right: the
// caller compares.
func guessStatement(exprs []expr.Any) ruleset.Statement {
	cmp := func(i int) []byte {
		if i < len(exprs) {
			if c, ok := exprs[i].(*expr.Cmp); ok {
				return c.Data
			}
		}
		return nil
	}
	switch e := exprs[0].(type) {
	case *expr.Meta:
		return guessMeta(e, exprs, cmp)
	case *expr.Fib:
		return ruleset.Statement{Op: ruleset.ToLocal}
	case *expr.Ct:
		return ruleset.Statement{Op: ruleset.Translated}
	case *expr.Limit:
		if log, ok := exprs[len(exprs)-1].(*expr.Log); ok {
			return ruleset.Statement{Op: ruleset.Log, Name: string(log.Data), Port: log.Group}
		}
	case *expr.Objref:
		return ruleset.Statement{Op: ruleset.Count, Name: e.Name}
	case *expr.Reject:
		if e.Type == unix.NFT_REJECT_TCP_RST {
			return ruleset.Statement{Op: ruleset.ResetTCP}
		}
		return ruleset.Statement{Op: ruleset.Unreachable}
	case *expr.Verdict:
		switch e.Kind {
		case expr.VerdictJump:
			return ruleset.Statement{Op: ruleset.Jump, Name: e.Chain}
		case expr.VerdictReturn:
			return ruleset.Statement{Op: ruleset.Return}
		case expr.VerdictAccept:
			return ruleset.Statement{Op: ruleset.Accept}
		case expr.VerdictDrop:
			return ruleset.Statement{Op: ruleset.Drop}
		}
	}
	return ruleset.Statement{}
}

func guessMeta(e *expr.Meta, exprs []expr.Any, cmp func(int) []byte) ruleset.Statement {
	switch e.Key {
	case expr.MetaKeyIIF:
		return ruleset.Statement{Op: ruleset.FromLoopback}
	case expr.MetaKeyIIFNAME:
		return ruleset.Statement{Op: ruleset.FromInterface, Name: text(cmp(1))}
	case expr.MetaKeyOIFNAME:
		return ruleset.Statement{Op: ruleset.ToInterface, Name: text(cmp(1))}
	case expr.MetaKeyL4PROTO:
		s := ruleset.Statement{Op: ruleset.ToTCPPort, Port: uint16(number(cmp(3)))}
		if number(cmp(1)) == unix.IPPROTO_UDP {
			s.Op = ruleset.ToUDPPort
		}
		return s
	case expr.MetaKeyNFPROTO:
		s := ruleset.Statement{Op: ruleset.FromSet4}
		if number(cmp(1)) == unix.NFPROTO_IPV6 {
			s.Op = ruleset.FromSet6
		}
		if lookup, ok := exprs[len(exprs)-1].(*expr.Lookup); ok {
			s.Name = lookup.SetName
		} else if addr, ok := netip.AddrFromSlice(cmp(3)); ok {
			return ruleset.Statement{Op: ruleset.ToAddress, Addr: addr}
		}
		return s
	}
	return ruleset.Statement{}
}

func sameExpressions(a, b []expr.Any) bool {
	for i := range a {
		if !reflect.DeepEqual(a[i], b[i]) {
			return false
		}
	}
	return true
}

// describe names a foreign expression, for people.
func describe(e expr.Any) string {
	kind := strings.ToLower(strings.TrimPrefix(reflect.TypeOf(e).String(), "*expr."))
	return strings.TrimSpace(fmt.Sprintf("%s %s", kind, strings.Trim(fmt.Sprintf("%+v", reflect.ValueOf(e).Elem()), "{}")))
}

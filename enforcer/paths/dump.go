package paths

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// rule is the expressions of a rule: those of the library, and our own for what the library leaves out without a word.
type rule []any

type (
	tproxy struct{ portRegister uint32 } // hands the packet to a local socket
	opaque struct{}                      // an expression that is not known here; it may write to any register
)

// nftHeader is the size of nfgenmsg, before the attributes of every message.
const nftHeader = 4

// rulesIn reads all rules of a table with one request, by chain.
func rulesIn(conn *netlink.Conn, table *nftables.Table) (map[string][]rule, error) {
	name, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.NFTA_RULE_TABLE, Data: append([]byte(table.Name), 0)}})
	if err != nil {
		return nil, err
	}
	messages, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{byte(table.Family), unix.NFNETLINK_V0, 0, 0}, name...),
	})
	if err != nil {
		return nil, err
	}
	rules := map[string][]rule{}
	for _, m := range messages {
		chain, r, err := parseRuleMessage(byte(table.Family), m.Data)
		if err != nil {
			return nil, err
		}
		rules[chain] = append(rules[chain], r)
	}
	return rules, nil
}

func parseRuleMessage(family byte, data []byte) (chain string, r rule, err error) {
	if len(data) < nftHeader {
		return "", nil, fmt.Errorf("a rule of %d bytes", len(data))
	}
	attributes, err := decoder(data[nftHeader:])
	if err != nil {
		return "", nil, err
	}
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NFTA_RULE_CHAIN:
			chain = attributes.String()
		case unix.NFTA_RULE_EXPRESSIONS:
			attributes.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					e, err := parseExpression(family, list.Bytes())
					if err != nil {
						return err
					}
					r = append(r, e)
				}
				return nil
			})
		}
	}
	return chain, r, attributes.Err()
}

func parseExpression(family byte, data []byte) (any, error) {
	attributes, err := decoder(data)
	if err != nil {
		return nil, err
	}
	var name string
	var body []byte
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NFTA_EXPR_NAME:
			name = attributes.String()
		case unix.NFTA_EXPR_DATA:
			body = attributes.Bytes()
		}
	}
	if err := attributes.Err(); err != nil {
		return nil, err
	}
	switch name {
	case "tproxy":
		return parseTproxy(body)
	case "target":
		return parseTarget(body)
	case "immediate":
		return parseImmediate(body)
	}
	e := byName(name)
	if e == nil {
		return opaque{}, nil
	}
	if err := expr.Unmarshal(family, body, e); err != nil {
		return opaque{}, nil // an extension in a layout that the library does not know
	}
	return e, nil
}

// byName makes the expressions that decide which packets are translated, and where to. Others that only count or log
// are known too, so that they do not make all registers unknown.
func byName(name string) expr.Any {
	switch name {
	case "meta":
		return &expr.Meta{}
	case "payload":
		return &expr.Payload{}
	case "cmp":
		return &expr.Cmp{}
	case "range":
		return &expr.Range{}
	case "lookup":
		return &expr.Lookup{}
	case "nat":
		return &expr.NAT{}
	case "redir":
		return &expr.Redir{}
	case "match":
		return &expr.Match{}
	case "bitwise":
		return &expr.Bitwise{}
	case "ct":
		return &expr.Ct{}
	case "fib":
		return &expr.Fib{}
	case "hash":
		return &expr.Hash{}
	case "numgen":
		return &expr.Numgen{}
	case "counter":
		return &expr.Counter{}
	case "log":
		return &expr.Log{}
	case "limit":
		return &expr.Limit{}
	}
	return nil
}

// parseImmediate tells a verdict from a constant by what it holds.
func parseImmediate(body []byte) (any, error) {
	attributes, err := decoder(body)
	if err != nil {
		return nil, err
	}
	var constant expr.Immediate
	var verdict *expr.Verdict
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NFTA_IMMEDIATE_DREG:
			constant.Register = attributes.Uint32()
		case unix.NFTA_IMMEDIATE_DATA:
			attributes.Nested(func(data *netlink.AttributeDecoder) (err error) {
				for data.Next() {
					switch data.Type() {
					case unix.NFTA_DATA_VALUE:
						constant.Data = data.Bytes()
					case unix.NFTA_DATA_VERDICT:
						verdict, err = parseVerdict(data.Bytes())
					}
				}
				return err
			})
		}
	}
	if verdict != nil {
		return verdict, attributes.Err()
	}
	return &constant, attributes.Err()
}

func parseTproxy(body []byte) (any, error) {
	attributes, err := decoder(body)
	if err != nil {
		return nil, err
	}
	var t tproxy
	for attributes.Next() {
		if attributes.Type() == expr.NFTA_TPROXY_REG_PORT {
			t.portRegister = attributes.Uint32()
		}
	}
	return t, attributes.Err()
}

// parseVerdict reads the verdict of a rule, or of an element of a verdict map, which the library leaves as it is.
func parseVerdict(data []byte) (*expr.Verdict, error) {
	attributes, err := decoder(data)
	if err != nil {
		return nil, err
	}
	var v expr.Verdict
	for attributes.Next() {
		switch attributes.Type() {
		case unix.NFTA_VERDICT_CODE:
			v.Kind = expr.VerdictKind(int32(attributes.Uint32()))
		case unix.NFTA_VERDICT_CHAIN:
			v.Chain = attributes.String()
		}
	}
	return &v, attributes.Err()
}

// decoder reads attributes, whose numbers are of network order in nftables.
func decoder(data []byte) (*netlink.AttributeDecoder, error) {
	attributes, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return nil, err
	}
	attributes.ByteOrder = binary.BigEndian
	return attributes, nil
}

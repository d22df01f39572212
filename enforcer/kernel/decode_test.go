package kernel

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// The library leaves out what it does not know: a rule that refuses under a condition would read as one that always does.
func TestExpressionsThatTheLibraryDropsAreCounted(t *testing.T) {
	expression := func(name string, data ...byte) []byte {
		e := textAttribute(nil, unix.NFTA_EXPR_NAME, name)
		return attribute(nil, unix.NFTA_LIST_ELEM, attribute(e, unix.NFTA_EXPR_DATA, data))
	}
	message := textAttribute(nfgenmsg(family), unix.NFTA_RULE_TABLE, ruleset.TableName)
	message = textAttribute(message, unix.NFTA_RULE_CHAIN, "input")
	message = attribute(message, unix.NFTA_RULE_EXPRESSIONS, append(expression("unheard-of"), expression("never-seen")...))
	chain, rule, err := decodeRule(message)
	if err != nil || chain != "input" || rule.String() != "(2 unknown expressions)" {
		t.Errorf("chain %q, rule %q, %v; want two unknown expressions in input", chain, rule, err)
	}
}

// A kernel without flow tables cannot show this by itself.
func TestFlowTablesAndFlagsAreForeign(t *testing.T) {
	d := &dump{table: tableState{present: true, flags: ownedFlags | 1 | 8}, others: [][]byte{nfgenmsg(family)}}
	r, err := d.decode()
	if err != nil || len(r.Foreign) != 2 || r.Absent() {
		t.Errorf("%v, %v; want a flow table and flags", r.Foreign, err)
	}
	d = &dump{table: tableState{present: true, flags: ownedFlags}}
	if r, err := d.decode(); err != nil || len(r.Foreign) != 0 {
		t.Errorf("%v, %v; want nothing odd about an owned table", r.Foreign, err)
	}
}

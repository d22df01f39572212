package kernel

import (
	"regexp"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// ours is the table in nft's words.
const ours = "inet " + ruleset.TableName

// tampering is something another program does to our table.
type tampering struct {
	name   string
	script string
	handle string   // the rule whose handle takes the place of HANDLE in the script: "chain: part of the rule"
	kind   string   // that Describe gives
	lines  []string // parts of lines that Describe gives, in order

	meaningless bool // no packet is treated otherwise: Verify finds it, Read does not
}

func tamperings() []tampering {
	// A set or a counter that is in use cannot be deleted: the rules go first.
	const clear = "flush table " + ours + "; "
	return []tampering{
		{name: "flush ruleset", script: "flush ruleset", kind: "table", lines: []string{"- table " + ours}},
		{name: "delete table", script: "delete table " + ours, kind: "table", lines: []string{"- table " + ours}},
		{name: "flush table", script: "flush table " + ours, kind: "rule",
			lines: []string{`- rule prerouting: iif "lo" accept`, `- rule to-nakama-console: counter name "nakama-console-refused" drop`}},
		{name: "flush chain", script: "flush chain " + ours + " to-nakama-console", kind: "rule",
			lines: []string{"- rule to-nakama-console: ip saddr @admins4 return", "refused"}},
		{name: "rule added", script: "add rule " + ours + " input tcp dport 7351 accept", kind: "rule",
			lines: []string{"+ rule input: tcp dport 7351 accept"}},
		{name: "rule inserted", script: "insert rule " + ours + " input accept", kind: "rule", lines: []string{"+ rule input: accept"}},
		{name: "rule deleted", handle: "to-nakama-console: drop", script: "delete rule " + ours + " to-nakama-console handle HANDLE",
			kind: "rule", lines: []string{`- rule to-nakama-console: counter name "nakama-console-refused" drop`}},
		{name: "rule replaced", handle: "to-nakama-console: drop", script: "replace rule " + ours + " to-nakama-console handle HANDLE accept",
			kind: "rule", lines: []string{`- rule to-nakama-console: counter name "nakama-console-refused" drop`, "+ rule to-nakama-console: accept"}},
		{name: "port of a rule replaced", handle: "input: dport 7351 jump",
			script: "replace rule " + ours + " input handle HANDLE tcp dport 7371 jump to-nakama-console",
			kind:   "rule", lines: []string{"- rule input: tcp dport 7351 jump to-nakama-console", "+ rule input: tcp dport 7371 jump to-nakama-console"}},
		{name: "rules that the library reads in part", script: "insert rule " + ours + " to-nakama-console rt classid 5 accept",
			kind: "rule", lines: []string{"+ rule to-nakama-console: "}},
		{name: "rules with sockets", script: "insert rule " + ours + " input socket transparent 1 accept",
			kind: "rule", lines: []string{"+ rule input: "}},
		{name: "a rule with a condition that never holds", handle: "to-nakama-console: drop",
			script: "replace rule " + ours + ` to-nakama-console handle HANDLE rt classid 5 counter name "nakama-console-refused" drop`,
			kind:   "rule", lines: []string{"- rule to-nakama-console: ", "+ rule to-nakama-console: "}},
		{name: "rule with a set of its own", script: "insert rule " + ours + " input tcp dport { 7351, 26257 } accept",
			kind: "rule", lines: []string{"+ rule input: "}},
		{name: "rule with a comment", handle: "to-nakama-console: drop",
			script: "replace rule " + ours + ` to-nakama-console handle HANDLE counter name "nakama-console-refused" drop comment "mine"`,
			kind:   "table", lines: []string{"a difference that nft does not show"}, meaningless: true},
		{name: "chain added", script: "add chain " + ours + " mine", kind: "chain", lines: []string{"+ chain mine"}},
		{name: "base chain added", script: "add chain " + ours + " early { type filter hook prerouting priority -300; policy accept; }",
			kind: "chain", lines: []string{"+ chain early"}},
		{name: "chain deleted", script: "flush chain " + ours + " forward; delete chain " + ours + " forward",
			kind: "chain", lines: []string{"- chain forward"}},
		{name: "policy drop", script: "chain " + ours + " input { policy drop; }", kind: "chain",
			lines: []string{"- chain input { type filter hook input priority -10; policy accept; }", "policy drop"}},
		{name: "priority", script: "delete chain " + ours + " input; add chain " + ours + " input { type filter hook input priority 300; policy accept; }",
			kind: "chain", lines: []string{"- chain input { type filter hook input priority -10;", "+ chain input { type filter hook input priority 300;", "- rule input: "}},
		{name: "hook", script: "delete chain " + ours + " input; add chain " + ours + " input { type filter hook output priority -10; policy accept; }",
			kind: "chain", lines: []string{"+ chain input { type filter hook output priority -10;"}},
		{name: "set added", script: "add set " + ours + " mine { type ipv4_addr; }", kind: "set", lines: []string{"+ set mine"}},
		{name: "map added", script: "add map " + ours + " mine { type ipv4_addr : verdict; }", kind: "set", lines: []string{"+ set mine"}},
		{name: "set deleted", script: clear + "delete set " + ours + " admins4", kind: "set", lines: []string{"- set admins4"}},
		{name: "set of another kind", script: clear + "delete set " + ours + " admins4; add set " + ours + " admins4 { type ipv4_addr; flags interval,timeout; }",
			kind: "set", lines: []string{"- set admins4: ipv4_addr", "+ set admins4: ipv4_addr flags"}},
		{name: "element with a timeout", script: clear + "delete set " + ours + " admins4; add set " + ours +
			" admins4 { type ipv4_addr; flags interval,timeout; elements = { 10.9.0.0/24 timeout 1h }; }",
			kind: "set", lines: []string{"+ set admins4: ipv4_addr flags"}},
		{name: "element added", script: "add element " + ours + " admins4 { 203.0.113.7 }", kind: "element", lines: []string{"+ element admins4 { 203.0.113.7 }"}},
		{name: "element removed", script: "delete element " + ours + " nakama4 { 10.0.1.11 }", kind: "element", lines: []string{"- element nakama4 { 10.0.1.11 }"}},
		{name: "elements of both families", script: "flush set " + ours + " admins6; add element " + ours + " admins4 { 203.0.113.0/24 }",
			kind: "element", lines: []string{"+ element admins4 { 203.0.113.0/24 }", "- element admins6 { fd00:9::/64 }"}},
		{name: "element widened", script: "delete element " + ours + " admins4 { 10.9.0.0/24 }; add element " + ours + " admins4 { 10.9.0.0/16 }",
			kind: "element", lines: []string{"- element admins4 { 10.9.0.0/24 }", "+ element admins4 { 10.9.0.0/16 }"}},
		{name: "the whole of IPv4", script: "flush set " + ours + " admins4; add element " + ours + " admins4 { 0.0.0.0/0 }",
			kind: "element", lines: []string{"- element admins4 { 10.9.0.0/24 }", "+ element admins4 { 0.0.0.0/0 }"}},
		{name: "counter added", script: "add counter " + ours + " mine", kind: "counter", lines: []string{"+ counter mine"}},
		{name: "counter removed", script: clear + "delete counter " + ours + " nakama-api-allowed",
			kind: "counter", lines: []string{"- counter nakama-api-allowed"}},
		{name: "quota added", script: "add quota " + ours + " mine { over 5 mbytes; }", kind: "object", lines: []string{"+ object mine"}},
		{name: "dormant", script: "add table " + ours + " { flags dormant; }", kind: "flags", lines: []string{"+ flags dormant"}},
		{name: "flow table", script: "add flowtable " + ours + " mine { hook ingress priority 0; devices = { lo }; }",
			kind: "table", lines: []string{"+ flowtable"}},
		{name: "another table in its place", script: "delete table " + ours + "; add table " + ours, kind: "counter", lines: []string{"- counter ", "- set ", "- chain "}},
	}
}

// apply does it with the nft program in the host's namespace.
func (s tampering) apply(t *testing.T, host *lab.Host) error {
	t.Helper()
	script := s.script
	if chain, rule, found := strings.Cut(s.handle, ": "); found {
		listed, err := host.Output(t.Context(), nftPath(t), "-a", "list chain "+ours+" "+chain)
		if err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(`(?m)^.*` + rule + `.* # handle (\d+)$`).FindStringSubmatch(string(listed))
		if match == nil {
			t.Fatalf("no rule %q in\n%s", rule, listed)
		}
		script = strings.ReplaceAll(script, "HANDLE", match[1])
	}
	_, err := nft(t, host, script)
	return err
}

func TestEveryDriftIsFoundDescribedAndPutRight(t *testing.T) {
	for _, test := range tamperings() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			table, host := open(t, Watched)
			want := sample(t)
			commit(t, table, ruleset.Replace(want))
			err := test.apply(t, host)
			if err != nil && test.name == "flow table" && strings.Contains(err.Error(), "No such file or directory") {
				t.Skip("this kernel lacks flow tables (CONFIG_NF_FLOW_TABLE)")
			}
			if err != nil {
				t.Fatal(err)
			}
			drift, err := table.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if drift.None() {
				t.Fatal("the drift was not found")
			}
			if same := ruleset.Diff(read(t, table), want).Empty(); same != test.meaningless {
				t.Errorf("what is read has the meaning of what was committed: %t", same)
			}
			repair := drift.Repair()
			if elements := test.kind == "element"; repair.Rebuild == elements {
				t.Errorf("the repair rebuilds: %t", repair.Rebuild)
			}
			commit(t, table, repair)
			wantHeld(t, table, want)
			kind, lines := drift.Describe()
			if kind != test.kind {
				t.Errorf("kind %q; want %q", kind, test.kind)
			}
			wantLines(t, lines, test.lines)
		})
	}
}

// wantLines: every part in a line, in this order.
func wantLines(t *testing.T, lines, parts []string) {
	t.Helper()
	rest := lines
	for _, part := range parts {
		for len(rest) > 0 && !strings.Contains(rest[0], part) {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Errorf("the lines\n%s\ndo not say %q", strings.Join(lines, "\n"), part)
			return
		}
	}
}

func TestNobodyElseCanChangeAnOwnedTable(t *testing.T) {
	for _, test := range tamperings() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			table, host := open(t, Owned)
			want := sample(t)
			commit(t, table, ruleset.Replace(want))
			err := test.apply(t, host)
			// A flush of everything passes by what is owned; whatever names it is refused.
			if passes := test.name == "flush ruleset"; passes != (err == nil) {
				t.Errorf("nft says %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "Operation not permitted") {
				t.Errorf("nft says %v; want that it is not permitted", err)
			}
			wantHeld(t, table, want)
		})
	}
}

func TestWhatIsNoDrift(t *testing.T) {
	for _, grip := range []Grip{Owned, Watched} {
		for name, script := range map[string]string{
			"counters reset":      "reset counters",
			"another table":       "add table inet other; add chain inet other input { type filter hook input priority 0; policy drop; }",
			"a table of our name": "add table ip " + ruleset.TableName + "; add chain ip " + ruleset.TableName + " input",
			"a listing":           "list ruleset",
		} {
			t.Run(grip.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				table, host := open(t, grip)
				want := sample(t)
				commit(t, table, ruleset.Replace(want))
				mustNft(t, host, script)
				wantHeld(t, table, want)
			})
		}
	}
}

// What was put right is right: repairs follow one another on one table, by elements and as a whole.
func TestRepairsFollowOneAnother(t *testing.T) {
	table, host := open(t, Watched)
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	if err := table.Prepare(); err != nil {
		t.Fatal(err)
	}
	for round, script := range []string{
		"add element " + ours + " admins4 { 203.0.113.7 }", "flush ruleset", "flush set " + ours + " nakama4", "delete table " + ours,
		"add table " + ours + " { flags dormant; }", "delete element " + ours + " admins4 { 10.9.0.0/24 }",
	} {
		mustNft(t, host, script)
		drift, err := table.Verify(t.Context())
		if err != nil || drift.None() {
			t.Fatalf("round %d: %s: no drift, %v", round, script, err)
		}
		commit(t, table, drift.Repair())
		wantHeld(t, table, want)
	}
}

func TestVerifyOfNothingCommittedFindsNothing(t *testing.T) {
	table, host := open(t, Watched)
	mustNft(t, host, "add table "+ours)
	if drift, err := table.Verify(t.Context()); err != nil || !drift.None() {
		t.Errorf("%v, %v; want no drift", drift, err)
	}
}

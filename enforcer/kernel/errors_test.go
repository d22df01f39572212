package kernel

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// What the kernel refuses is named by what it was for, and the table stays as it was.
func TestARefusedBatchNamesTheOperationAndLeavesNothing(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, test := range []struct {
		name  string
		spoil func(*ruleset.Ruleset)
		want  []string // parts of the error
	}{
		{"a counter's name is too long", func(r *ruleset.Ruleset) { r.Counters = append(r.Counters, long) }, []string{"create counter xxx"}},
		{"a set's name is too long", func(r *ruleset.Ruleset) { r.Sets[0].Name = long }, []string{"create set xxx"}},
		{"a chain's name is too long", func(r *ruleset.Ruleset) { r.Chains = append(r.Chains, ruleset.Chain{Name: long}) }, []string{"create chain xxx"}},
		{"a jump to a chain that is not there", func(r *ruleset.Ruleset) {
			r.Chains[0].Rules = append(r.Chains[0].Rules, ruleset.Rule{{Op: ruleset.Jump, Name: "nowhere"}})
		}, []string{"create rule in chain prerouting: jump nowhere: no such file or directory"}},
		{"a counter that is not there", func(r *ruleset.Ruleset) {
			r.Chains[0].Rules = append(r.Chains[0].Rules, ruleset.Rule{{Op: ruleset.Count, Name: "nothing"}})
		}, []string{`create rule in chain prerouting: counter name "nothing": no such file or directory`}},
		{"a loop", func(r *ruleset.Ruleset) {
			r.Chains[0].Rules = append(r.Chains[0].Rules, ruleset.Rule{{Op: ruleset.Jump, Name: "loop"}})
			r.Chains = append(r.Chains, ruleset.Chain{Name: "loop", Rules: []ruleset.Rule{{{Op: ruleset.Jump, Name: "loop"}}}})
		}, []string{"create rule in chain loop: jump loop: too many links"}},
		{"a statement that only others write", func(r *ruleset.Ruleset) {
			r.Chains[0].Rules = append(r.Chains[0].Rules, ruleset.Rule{{Op: ruleset.Foreign, Name: "limit"}})
		}, []string{`render ruleset: chain prerouting: cannot write statement "(limit)"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, before := range []bool{false, true} {
				table, host := open(t, Owned)
				good := sample(t)
				if before {
					commit(t, table, ruleset.Replace(good))
				}
				bad := sample(t)
				test.spoil(&bad)
				err := table.Commit(t.Context(), ruleset.Replace(bad))
				if err == nil {
					t.Fatal("the kernel took it")
				}
				for _, part := range test.want {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%v\ndoes not say %q", err, part)
					}
				}
				if before {
					wantHeld(t, table, good)
				} else if left := mustNft(t, host, "list ruleset"); left != "" {
					t.Errorf("left behind:\n%s", left)
				}
				commit(t, table, ruleset.Replace(good)) // the socket is good for more
				wantHeld(t, table, good)
			}
		})
	}
}

func TestElementsThatCannotBeChangedAreNamed(t *testing.T) {
	table, _ := open(t, Owned)
	a, b := twoRulesets(10)
	commit(t, table, ruleset.Replace(a))
	err := table.Commit(t.Context(), ruleset.Diff(b, a)) // deletes what is not there
	var refused *OperationError
	if !errors.As(err, &refused) || !errors.Is(err, unix.ENOENT) || refused.Operation != "delete elements of set admins4" {
		t.Errorf("%v; want the deletion named, with ENOENT", err)
	}
	wantHeld(t, table, a)
}

func TestWithoutTheCapabilityItIsNamed(t *testing.T) {
	said := runActor(t, lab.Namespace(t), "open-without-capability")
	if !strings.Contains(said, "operation not permitted: needs CAP_NET_ADMIN (run as root") {
		t.Errorf("Open without a capability says %q", said)
	}
}

func TestAnEndedContextEndsEverything(t *testing.T) {
	table, host := open(t, Owned)
	want := sample(t)
	commit(t, table, ruleset.Replace(want))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, b := twoRulesets(1)
	for what, err := range map[string]error{
		"commit":          table.Commit(ctx, ruleset.Replace(a)),
		"commit elements": table.Commit(ctx, ruleset.Diff(a, b)),
		"remove":          table.Remove(ctx),
		"release":         table.Release(ctx),
		"read":            second(table.Read(ctx)),
		"verify":          second(table.Verify(ctx)),
		"counters":        second(table.Counters(ctx)),
		"open":            second(Open(ctx, Options{NetNS: host.NetNS()})),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v; want that the context was cancelled", what, err)
		}
	}
	wantHeld(t, table, want) // and the sockets are good for more
}

func second[T any](_ T, err error) error { return err }

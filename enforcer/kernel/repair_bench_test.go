package kernel

import (
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// repairBudget is how much more than a bare loop a repair may take (design: Budgets).
const repairBudget = 2.0

// BenchmarkRepair measures the work of our own between the kernel's event and the rules' return, where the table is
// watched, beside a bare loop that knows nothing and sends the same rendered batch. It fails above the budget.
func BenchmarkRepair(b *testing.B) {
	p, err := policy.Compile([]policy.Service{
		{Name: "nakama-api", Protocol: policy.TCP, Ports: []uint16{7350}, From: []string{policy.Anyone}, Mode: policy.Enforce},
		{Name: "nakama-console", Protocol: policy.TCP, Ports: []uint16{7351}, From: []string{policy.GroupAdmins}, Mode: policy.Enforce},
		{Name: "nakama-console-grpc", Protocol: policy.TCP, Ports: []uint16{7348}, From: []string{policy.GroupAdmins}, Mode: policy.Enforce},
		{Name: "nakama-grpc", Protocol: policy.TCP, Ports: []uint16{7349}, Mode: policy.Enforce},
		{Name: "warden", Protocol: policy.TCP, Ports: []uint16{9735}, From: []string{policy.GroupAdmins, policy.GroupMonitoring}, Mode: policy.Enforce},
	}, policy.Roster{policy.GroupAdmins: prefixes("10.9.0.0/24", "fd00:9::/64")})
	if err != nil {
		b.Fatal(err)
	}
	want := ruleset.Build(p, ruleset.Surroundings{LogGroup: 9735})
	table, host := open(b, Watched)
	tamperer := openIn(b, host, Watched)
	commit(b, table, ruleset.Replace(want))
	bare := slices.Concat([]netlink.Message{tableMessage(unix.NFT_MSG_NEWTABLE, netlink.Create, ruleset.TableName, 0)}, table.rendered.messages)

	var ours, peers []time.Duration
	for b.Loop() {
		ours = append(ours, repairTime(b, table, tamperer, func() error {
			drift, err := table.Verify(b.Context())
			if err != nil {
				return err
			}
			return table.Commit(b.Context(), drift.Repair())
		}))
		peers = append(peers, repairTime(b, table, tamperer, func() error {
			return table.writer.transact(b.Context(), framed(bare))
		}))
	}
	ratio := float64(middle(ours)) / float64(middle(peers))
	b.ReportMetric(float64(middle(ours).Microseconds()), "p50-µs")
	b.ReportMetric(float64(middle(peers).Microseconds()), "bare-p50-µs")
	b.ReportMetric(ratio, "ratio")
	if len(ours) >= 20 && ratio > repairBudget {
		b.Errorf("a repair takes %s, %.2f times as long as the %s of a bare loop; want at most %.1f", middle(ours), ratio, middle(peers), repairBudget)
	}
}

// repairTime has the table deleted by another socket and times the repair from the arrival of the event.
func repairTime(b *testing.B, table, tamperer *Table, repair func() error) time.Duration {
	b.Helper()
	if err := tamperer.Remove(b.Context()); err != nil {
		b.Fatal(err)
	}
	for {
		if e := <-table.Events(); e.Table {
			break
		}
	}
	began := time.Now()
	if err := repair(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func middle(ds []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(ds))
	return sorted[len(sorted)/2]
}

package agent

import (
	"net/netip"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/collector/capacity"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

func TestNodesOfTheRoster(t *testing.T) {
	for _, c := range []struct {
		name   string
		roster []string
		nodes  int
		target float64 // with one to spare, and 1.2 declared
	}{
		{"nobody", nil, 0, 1.2},
		{"one", []string{"10.0.1.11/32"}, 1, 1.2},
		{"apart", []string{"10.0.1.11/32", "10.0.2.12/32"}, 2, 2},
		{"neighbours, which are one prefix", []string{"10.0.1.10/32", "10.0.1.11/32"}, 2, 2},
		{"neighbours and another", []string{"10.0.1.10/32", "10.0.1.11/32", "10.0.1.12/32"}, 3, 1.5},
		{"of IPv6", []string{"fd00::1/128", "fd00::2/128", "fd00::3/128", "fd00::4/128"}, 4, 4.0 / 3},
		{"of both families", []string{"10.0.1.1/32", "10.0.2.1/32", "10.0.3.1/32", "fd00::1/128", "fd01::1/128", "fd02::1/128"}, 3, 1.5},
		{"of IPv4 within IPv6", []string{"::ffff:10.0.1.11/128", "10.0.1.11/32", "10.0.2.12/32"}, 2, 2},
		{"a network", []string{"10.0.1.0/24"}, 256, 1.2},
		{"the widest networks", []string{"10.0.0.0/8", "fd00::/64"}, manyNodes, 1.2},
		{"a network and a node of the other family", []string{"fd00::/64", "10.0.1.11/32"}, manyNodes, 1.2},
	} {
		var prefixes []netip.Prefix
		for _, text := range c.roster {
			prefixes = append(prefixes, netip.MustParsePrefix(text))
		}
		nodes := nodesOf(policy.Coalesce(prefixes))
		target, _ := capacity.Target(1.2, nodes, 1)
		if diff := target - c.target; nodes != c.nodes || diff > 0.01 || diff < -0.01 {
			t.Errorf("%s: %d nodes, a target of %.2f; want %d, %.2f", c.name, nodes, target, c.nodes, c.target)
		}
	}
}

// A host without a service for Nakama nodes has as many of them beside it as its roster says.
func TestNakamasOfAPolicyAndOfTheRoster(t *testing.T) {
	roster := []status.Group{{Name: policy.GroupAdmins, Prefixes: []string{"10.9.0.0/24"}}, {Name: policy.GroupNakama, Prefixes: []string{"10.0.1.10/31", "10.0.1.12/32"}}}
	inForce := policy.Policy{Groups: policy.Roster{policy.GroupNakama: {netip.MustParsePrefix("10.0.1.10/32")}}}
	for _, c := range []struct {
		name   string
		policy policy.Policy
		roster []status.Group
		nodes  int
	}{
		{"in force", inForce, roster, 1},
		{"in force, and stored", inForce, nil, 1},
		{"no service for them", policy.Policy{}, roster, 3},
		{"nothing known", policy.Policy{}, nil, 0},
	} {
		if got := nodesOf(nakamas(c.policy, c.roster)); got != c.nodes {
			t.Errorf("%s: %d nodes; want %d", c.name, got, c.nodes)
		}
	}
}

func TestForecastSaysWhatItRestsOn(t *testing.T) {
	var m capacity.Model
	if f := ForecastOf(m, 1000); f.Known || f.Reason == "" || f.Surer == "" || f.Windows != 0 {
		t.Errorf("%+v; want not known, why, and what would help", f)
	}
	at := time.Unix(0, 0)
	for n := uint64(500); n <= 8000; n += 500 {
		for range 4 {
			m = m.Observe(capacity.Window{Start: at, Duration: 5 * time.Minute, MaxMemory: 60e6 + 70e3*n, MaxConnections: n, MinConnections: n, Peak: n})
			at = at.Add(5 * time.Minute)
		}
	}
	f := ForecastOf(m, 12000)
	if !f.Known || f.Surer == "" || f.Windows != 64 || f.LeastSeen != 500 || f.LargestSeen != 8000 || f.Seconds != 64*300 || f.Kernel != 12000*4700 {
		t.Errorf("%+v; want known, of 64 windows of 500 to 8,000 connections", f)
	}
	if !(f.Doubt > 0 && f.Doubt < 0.1*f.BytesPerConnection) {
		t.Errorf("%.0f ± %.0f bytes per connection", f.BytesPerConnection, f.Doubt)
	}
	if f = ForecastOf(m, 6000); f.Surer != "" {
		t.Errorf("%q would make it surer; it was seen", f.Surer)
	}
}

package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	services := append(defaults(),
		Service{Name: "nakama-cluster", Protocol: TCP, Ports: []uint16{7352, 7353}, From: []string{GroupNakama}, Mode: Audit, RefuseWith: Drop},
		Service{Name: "voice", Protocol: UDP, Ports: []uint16{9999, 7350}, From: []string{GroupNakama}, Mode: Enforce, RefuseWith: Drop})
	groups := roster()
	groups[GroupNakama] = append(groups[GroupNakama], netip.MustParsePrefix("10.9.0.7/32"))
	p := compile(t, services, groups)
	for _, test := range []struct {
		name, source string
		port         uint16
		want         Verdict // Reason is a part of it
	}{
		{"a player plays", "203.0.113.7", 7350, Verdict{Allowed: true, Service: "nakama-api", Reason: "nakama-api is open to anyone"}},
		{"a player at the console", "203.0.113.7", 7351, Verdict{Service: "nakama-console",
			Reason: "203.0.113.7 is in none of the groups that may reach nakama-console: admins"}},
		{"an admin at the console", "10.9.0.200", 7351, Verdict{Allowed: true, Service: "nakama-console", Groups: []string{"admins"},
			Reason: "10.9.0.200 is in admins, which may reach nakama-console"}},
		{"an admin by IPv6", "fd00:9::1", 7351, Verdict{Allowed: true, Service: "nakama-console", Groups: []string{"admins"}, Reason: "fd00:9::1 is in admins"}},
		{"an admin by mapped IPv6", "::ffff:10.9.0.200", 7351, Verdict{Allowed: true, Service: "nakama-console", Groups: []string{"admins"}, Reason: "10.9.0.200 is in admins"}},
		{"an admin with a zone", "fd00:9::1%eth0", 7351, Verdict{Allowed: true, Service: "nakama-console", Groups: []string{"admins"}, Reason: "fd00:9::1 is in admins"}},
		{"one in two groups", "10.9.0.7", 26257, Verdict{Allowed: true, Service: "cockroachdb-sql", Groups: []string{"admins", "nakama"}, Reason: "10.9.0.7 is in admins"}},
		{"in a group that does not help", "10.0.1.11", 7351, Verdict{Service: "nakama-console", Groups: []string{"nakama"}, Reason: "in none of the groups"}},
		{"a closed service", "10.9.0.7", 7349, Verdict{Service: "nakama-grpc", Groups: []string{"admins", "nakama"}, Reason: "nakama-grpc is closed to everyone"}},
		{"a closed service from the host itself", "127.0.0.1", 7349, Verdict{Allowed: true, Service: "nakama-grpc", Reason: "the host itself"}},
		{"the host itself by IPv6", "::1", 7351, Verdict{Allowed: true, Service: "nakama-console", Reason: "the host itself"}},
		{"a port of nobody", "203.0.113.7", 22, Verdict{Allowed: true, Reason: "port 22 belongs to no service"}},
		{"audit is the policy's word too", "203.0.113.7", 7353, Verdict{Service: "nakama-cluster", Reason: "(audit: counted, not refused)"}},
		{"a UDP service", "203.0.113.7", 9999, Verdict{Service: "voice", Reason: "in none of the groups"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := p.Explain(netip.MustParseAddr(test.source), test.port)
			if got.Allowed != test.want.Allowed || got.Service != test.want.Service || !slices.Equal(got.Groups, test.want.Groups) ||
				!strings.Contains(got.Reason, test.want.Reason) {
				t.Errorf("got %+v; want %+v", got, test.want)
			}
			if got.Groups == nil {
				t.Error("groups are null in JSON; want a list")
			}
		})
	}
}

func TestTheZeroPolicyGuardsNothing(t *testing.T) {
	if v := (Policy{}).Explain(netip.MustParseAddr("203.0.113.7"), 7351); !v.Allowed || v.Service != "" {
		t.Errorf("got %+v; want allowed by no service", v)
	}
}

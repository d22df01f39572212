package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCheckServices(t *testing.T) {
	edited := func(edit func(s []Service)) []Service {
		services := defaults()
		edit(services)
		return services
	}
	for _, test := range []struct {
		name     string
		services []Service
		want     []string // one part of each violation
	}{
		{name: "the defaults", services: defaults()},
		{name: "an unknown group", services: edited(func(s []Service) { s[1].From = []string{"admin"} }),
			want: []string{`service nakama-console: unknown group "admin"; want one of admins, cockroachdb, `}},
		{name: "a standard group that the roster lacks", services: edited(func(s []Service) { s[1].From = []string{GroupMonitoring} })},
		{name: "a console open to anyone", services: edited(func(s []Service) { s[1].From = []string{Anyone} }),
			want: []string{"service nakama-console: a console or database service is open to anyone"}},
		{name: "a console open to the players' balancers", services: edited(func(s []Service) { s[1].From = []string{GroupLoadBalancers} }),
			want: []string{"service nakama-console: a console or database service is open to load_balancers"}},
		{name: "a console by its port", services: edited(func(s []Service) { s[1].Name, s[1].From = "web", []string{Anyone} }),
			want: []string{"service web: a console or database service is open to anyone"}},
		{name: "a console by its name", services: edited(func(s []Service) { s[1].Ports, s[1].From = []uint16{443}, []string{Anyone} }),
			want: []string{"service nakama-console: a console or database service is open to anyone"}},
		{name: "a database open to anyone", services: edited(func(s []Service) { s[3].From = []string{Anyone} }),
			want: []string{"service cockroachdb-sql: a console or database service is open to anyone"}},
		{name: "a database by its port", services: edited(func(s []Service) { s[3].Role, s[3].Name, s[3].From = "", "sql", []string{Anyone} }),
			want: []string{"service sql: a console or database service is open to anyone"}},
		{name: "an exposure that was asked for", services: edited(func(s []Service) { s[1].From, s[1].Unsafe = []string{Anyone}, true })},
		{name: "SSH", services: edited(func(s []Service) { s[0].Ports = []uint16{7350, 22} }),
			want: []string{"service nakama-api: port 22 is SSH"}},
		{name: "port 0", services: edited(func(s []Service) { s[0].Ports = []uint16{0} }),
			want: []string{"service nakama-api: port 0; want a port from 1"}},
		{name: "a port in two services", services: edited(func(s []Service) { s[0].Ports = []uint16{7350, 7349} }),
			want: []string{"service nakama-grpc: tcp port 7349 belongs to service nakama-api too"}},
		{name: "a port in two protocols", services: edited(func(s []Service) { s[0].Ports, s[0].Protocol = []uint16{7349}, UDP })},
		{name: "a port in a service that is off", services: edited(func(s []Service) { s[0].Ports, s[0].Mode = []uint16{7349}, Off })},
		{name: "a port twice in one service", services: edited(func(s []Service) { s[0].Ports = []uint16{7350, 7350} })},
	} {
		t.Run(test.name, func(t *testing.T) { wantViolations(t, Check(test.services, roster()), test.want) })
	}
}

func TestCheckGroup(t *testing.T) {
	for _, test := range []struct {
		name, group string
		prefixes    []string
		want        []string
	}{
		{name: "hosts and networks", prefixes: []string{"10.9.0.0/24", "203.0.113.7/32", "10.0.0.0/8", "fd00::/8", "2001:db8::1/128"}},
		{name: "anyone", group: Anyone, want: []string{"anyone is every address"}},
		{name: "the world", prefixes: []string{"0.0.0.0/0"}, want: []string{"0.0.0.0/0 is wider than /8"}},
		{name: "the IPv6 world", prefixes: []string{"::/0"}, want: []string{"::/0 is wider than /8"}},
		{name: "a seventh bit", prefixes: []string{"10.0.0.0/7"}, want: []string{"10.0.0.0/7 is wider than /8"}},
		{name: "loopback", prefixes: []string{"127.0.0.1/32"}, want: []string{"127.0.0.1/32 is loopback"}},
		{name: "all of loopback", prefixes: []string{"127.0.0.0/8"}, want: []string{"127.0.0.0/8 is loopback"}},
		{name: "IPv6 loopback", prefixes: []string{"::1/128"}, want: []string{"::1/128 is loopback (IPv6)"}},
		{name: "mapped loopback", prefixes: []string{"::ffff:127.0.0.1/128"}, want: []string{"127.0.0.1/32 is loopback"}},
		{name: "link-local", prefixes: []string{"fe80::1/128"}, want: []string{"fe80::1/128 is link-local (IPv6)"}},
		{name: "multicast", prefixes: []string{"239.1.2.3/32", "ff02::1/128"}, want: []string{"239.1.2.3/32 is multicast", "ff02::1/128 is multicast (IPv6)"}},
		{name: "unspecified", prefixes: []string{"0.0.0.0/32", "::/128"}, want: []string{"0.0.0.0/32 is unspecified", "::/128 is unspecified (IPv6)"}},
		{name: "the world in pieces", prefixes: eighths(0, 256), want: append(reservedEighths(), "half of 0.0.0.0/0 or more")},
		{name: "half the world in pieces", prefixes: eighths(1, 129), want: []string{"127.0.0.0/8 is loopback", "half of 0.0.0.0/0 or more"}},
		{name: "less than half in pieces", prefixes: eighths(1, 127)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.group == "" {
				test.group = GroupAdmins
			}
			found := CheckGroup(test.group, prefixes(test.prefixes...))
			wantViolations(t, found, test.want)
			for _, v := range found {
				if v.Group != test.group || v.Service != "" {
					t.Errorf("%v is said of service %q, group %q", v, v.Service, v.Group)
				}
			}
		})
	}
}

// eighths are IPv4 prefixes of length 8, which is as wide as one may be.
func eighths(from, to int) []string {
	var found []string
	for i := from; i < to; i++ {
		found = append(found, fmt.Sprintf("%d.0.0.0/8", i))
	}
	return found
}

func reservedEighths() []string {
	want := []string{"0.0.0.0/8 is unspecified", "127.0.0.0/8 is loopback"}
	for i := 224; i < 240; i++ {
		want = append(want, fmt.Sprintf("%d.0.0.0/8 is multicast", i))
	}
	return want
}

func TestCheckKeepsThePlayersBalancersFromTheDatabase(t *testing.T) {
	balancers := prefixes("10.0.0.0/24")
	ops := append(defaults(), service("cockroachdb-http", RoleCockroachDB, 8080, "ops"))
	excused := append(defaults(), service("cockroachdb-http", RoleCockroachDB, 8080, "ops"))
	excused[4].Unsafe = true
	for _, test := range []struct {
		name     string
		services []Service
		roster   Roster
		want     []string
	}{
		{name: "apart", services: ops, roster: Roster{"ops": prefixes("10.1.0.0/24")}},
		{name: "in a group that meets the database by its nature", services: ops,
			roster: Roster{GroupDatabaseClients: prefixes("10.0.0.7/32")},
			want:   []string{"group database_clients: 10.0.0.7 is in load_balancers too, and database_clients may reach the database"}},
		{name: "in a group that a service names", services: ops, roster: Roster{"ops": prefixes("10.0.0.128/25")},
			want: []string{"group ops: 10.0.0.128/25 is in load_balancers too, and ops may reach cockroachdb-http"}},
		{name: "in a wider group", services: ops, roster: Roster{"ops": prefixes("10.0.0.0/16")},
			want: []string{"group ops: 10.0.0.0/24 is in load_balancers too"}},
		{name: "in a group of a service that is excused", services: excused, roster: Roster{"ops": prefixes("10.0.0.7/32")}},
		{name: "in a group of a Nakama service", services: append(defaults(), service("x", RoleNakama, 9999, "ops")),
			roster: Roster{"ops": prefixes("10.0.0.7/32")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.roster[GroupLoadBalancers] = balancers
			if _, named := test.roster["ops"]; !named {
				test.roster["ops"] = nil
			}
			wantViolations(t, Check(test.services, test.roster), test.want)
		})
	}
}

func TestCheckIsStable(t *testing.T) {
	services := defaults()
	services[1].From, services[2].From = []string{"x", Anyone}, []string{"y"}
	groups := Roster{"a": prefixes("127.0.0.1/32"), "b": prefixes("::1/128"), "c": prefixes("ff02::1/128")}
	first := fmt.Sprint(Check(services, groups))
	for range 50 {
		slices.Reverse(services)
		if got := fmt.Sprint(Check(services, groups)); got != first {
			t.Fatalf("the order differs:\n%s\n%s", got, first)
		}
	}
}

func wantViolations(t *testing.T, found []Violation, want []string) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("%d violations %v; want %d", len(found), found, len(want))
		return
	}
	for i, v := range found {
		if !strings.Contains(v.Error(), want[i]) || !strings.Contains(v.Error(), "; want ") {
			t.Errorf("%q does not say %q and what is wanted", v.Error(), want[i])
		}
	}
}

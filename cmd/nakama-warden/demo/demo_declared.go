package demo

import (
	"fmt"
	"net/netip"
	"syscall"
)

// declared is what an operator changes in a host's configuration while the fleet is up. The zero value is what it begins with.
type declared struct {
	audit  bool // count, and refuse nobody
	policy int  // one of policies
	chat   bool // tell a second receiver too
}

// policies are who reaches Nakama's gRPC API, and CockroachDB's pages: each is another policy.
func policies(role string) (service string, from [][]string) {
	if role == "cockroachdb" {
		return "cockroachdb-http", [][]string{{"admins", "monitoring", "database_balancers"}, {"admins", "monitoring"},
			{"admins", "monitoring", "database_clients"}}
	}
	return "nakama-grpc", [][]string{{}, {"admins"}, {"admins", "monitoring"}}
}

const (
	// backup is a client of the database that is not in the lab.
	backup = "10.77.0.250:26257"
	// chatPort is where a receiver should be, and nobody listens.
	chatPort = 9098
	// fleetWindow is short, so that it is known within minutes how many players fit.
	fleetWindow = "5s"
)

// configuration is what an operator would write for this fleet.
func (f *fleet) configuration(g guarded, d declared) any {
	type keys = map[string]any
	static := func(names ...string) keys { return keys{"static": f.addresses(names...)} }
	service, from := policies(g.role)
	services, mode := keys{service: keys{"from": from[d.policy%len(from)]}}, "enforce"
	if g.role == "nakama" {
		services["nakama-metrics"] = keys{"ports": []int{metricsPort}}
	}
	if d.audit {
		mode = "audit"
	}
	webhook := func(name string, port uint16) keys {
		url := fmt.Sprintf("http://%s/", netip.AddrPortFrom(f.host("on-call").V4, port))
		return keys{"name": name, "webhook_configs": []any{keys{"url": url}}}
	}
	receivers := []any{webhook("on-call", pagerPort)}
	if d.chat {
		receivers = append(receivers, webhook("chat", chatPort))
	}
	return keys{
		"revision": "demo",
		"roles":    []string{g.role},
		"fleet": keys{
			"nakama":           keys{"files": []string{f.nodes}},
			"cockroachdb":      static(databases()...),
			"load_balancers":   static("load-balancer"),
			"database_clients": keys{"files": []string{f.clients}},
			"admins":           static("admin"),
			"monitoring":       static("prometheus"),
		},
		"firewall": keys{"mode": mode, "grip": g.grip, "services": services},
		"capacity": keys{"window": fleetWindow},
		"alerting": keys{"labels": keys{"cluster": clusterName}, "receivers": receivers},
	}
}

// declare changes what is declared for a host, and has its daemon read it.
func (f *fleet) declare(name string, d declared) error {
	for _, g := range guardedHosts() {
		if g.name != name {
			continue
		}
		a := f.agent(name)
		if err := a.configure(f.configuration(g, d)); err != nil {
			return err
		}
		return a.process.Signal(syscall.SIGHUP)
	}
	return fmt.Errorf("no host %s is guarded", name)
}

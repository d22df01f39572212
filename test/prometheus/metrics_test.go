package prometheus

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/nakama-warden/nakama-warden/agent/web"
	"github.com/nakama-warden/nakama-warden/status"
)

// knowsAll is a host of which everything is known that rules ask for.
func knowsAll() status.Host {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return status.Host{
		Time: at, Environment: "production", Roles: []string{"nakama"},
		Config:      status.Config{LastReload: at, LastReloadOK: true},
		Firewall:    status.Firewall{Mode: "enforce", Grip: "owned", State: "enforcing", PolicyHash: "0123456789ab", Verified: true, LastVerified: at},
		Services:    []status.Service{{Name: "nakama-api", Ports: []uint16{7350}, Mode: "enforce", Enforced: true}},
		Roster:      []status.Group{{Name: "nakama", LastSuccess: at, Sources: []status.Source{{Name: "static/0", Up: true}}}},
		Maintenance: &status.Maintenance{Until: at.Add(time.Hour)},
		Sample: &status.Sample{Time: at, Units: []status.Unit{{
			Name: "nakama.service", Role: "nakama", Ports: []status.Port{{Port: 7350, Service: "nakama-api", Connections: 400}},
			Memory: status.Memory{Resident: 5 << 20, Anonymous: 4 << 20, File: 1 << 20, Kernel: 1 << 20, Limit: 1 << 30, LimitBy: "cgroup /nakama.service"},
			Capacity: &status.Capacity{Known: true, Fits: 1000, Resources: []status.Resource{{Name: "memory", Fits: 1000, Known: true}},
				Ratio: 2.5, Target: 1.5, BytesPerConnection: 1000, Exhaustion: &at},
		}}},
	}
}

// everyMetric is the agent's own page of it.
func everyMetric() []byte {
	w := httptest.NewRecorder()
	handler := web.Handler(web.Options{Host: knowsAll, Version: "1.2.3"})
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.Bytes()
}

// exported are the values of each label of each metric.
func exported(t *testing.T) map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string][]string{}
	for line := range strings.Lines(string(everyMetric())) {
		series, _, isSeries := strings.Cut(line, " ")
		if !isSeries || strings.HasPrefix(line, "#") {
			continue
		}
		if open := strings.Index(line, "{"); open >= 0 {
			series = line[:strings.LastIndex(line, "}")+1]
		}
		parsed, err := parser.ParseMetric(series)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		name := parsed.Get(labels.MetricName)
		if all[name] == nil {
			all[name] = map[string][]string{}
		}
		parsed.Range(func(l labels.Label) { all[name][l.Name] = append(all[name][l.Name], l.Value) })
	}
	return all
}

// A rule that asks for what nobody exports never fires, and nobody sees that it does not.
func TestRulesReadWhatIsExported(t *testing.T) {
	known := exported(t)
	file, _ := build(t, shipped())
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			if r.Record != "" {
				known[r.Record] = map[string][]string{"source": {"cgroup"}}
			}
		}
	}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			expr, err := parser.ParseExpr(r.Expr)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range unknown(expr, known) {
				t.Errorf("%s%s asks for %s", r.Alert, r.Record, problem)
			}
		}
	}
}

// unknown are the metrics, labels and conditions of an expression that are not known.
func unknown(expr parser.Expr, known map[string]map[string][]string) (problems []string) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, is := node.(*parser.VectorSelector)
		if !is {
			return nil
		}
		metric, found := known[selector.Name]
		if !found {
			problems = append(problems, selector.Name)
			return nil
		}
		for _, m := range selector.LabelMatchers {
			values, has := metric[m.Name]
			switch {
			case m.Name == labels.MetricName, m.Name == "job":
			case !has:
				problems = append(problems, selector.Name+"{"+m.Name+"}")
			case m.Name == "condition" && !slices.ContainsFunc(values, m.Matches):
				problems = append(problems, "condition "+m.Value)
			}
		}
		return nil
	})
	return problems
}

func TestUnknownMetricsAreFound(t *testing.T) {
	known := exported(t)
	for text, want := range map[string]string{
		`nakama_warden_maintenance == 1`:                                           "",
		`nakama_warden_maintenence == 1`:                                           "nakama_warden_maintenence",
		`max(nakama_warden_host_info{colour="red"})`:                               "nakama_warden_host_info{colour}",
		`nakama_warden_condition_active{condition="Paussed"} == 1`:                 "condition Paussed",
		`rate(nakama_warden_firewall_drift_total{kind="rule",job="any"}[1h]) > up`: "up",
	} {
		expr, err := parser.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(unknown(expr, known), ", "); got != want {
			t.Errorf("%s: found %q; want %q", text, got, want)
		}
	}
}

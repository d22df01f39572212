package live

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// told is what somebody hears of by now, sorted.
type told []string

func (a told) String() string { return strings.Join(a, " ") }

func (a told) has(wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool {
		return slices.ContainsFunc(a, func(is string) bool { return strings.HasPrefix(is, w[1:]+"/") }) != (w[0] == '+')
	})
}

// agree waits until both tell the same, and it is as wanted: + and a name is told, - and a name is not.
func (s *stage) agree(what string, wanted ...string) {
	s.t.Helper()
	var daemon, rules told
	var err, problem error
	s.await(func() bool {
		daemon, err = s.byDaemon()
		rules, problem = s.byRules()
		return err == nil && problem == nil && slices.Equal(daemon, rules) && daemon.has(wanted)
	}, func() string {
		return fmt.Sprintf("%s: want %s\ndaemon: %s (%v)\nrules:  %s (%v)", what, strings.Join(wanted, " "), daemon, err, rules, problem)
	})
	s.t.Logf("%5.1f s  %s: both tell %s", time.Since(s.began).Seconds(), what, daemon)
}

// byDaemon is what the daemon tells: what fires, and is not kept quiet.
func (s *stage) byDaemon() (told, error) {
	var h status.Host
	if err := s.get("http://"+daemonAt+"/api/v1/status", &h); err != nil {
		return nil, err
	}
	var names told
	for _, a := range h.Alerts {
		if a.State == status.AlertFiring && a.Silenced == "" {
			names = append(names, a.Name+"/"+a.Severity)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// byRules is what Prometheus tells of this host by our rules.
func (s *stage) byRules() (told, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := s.get("http://"+prometheusAt+"/api/v1/alerts", &answer); err != nil {
		return nil, err
	}
	var names told
	for _, a := range answer.Data.Alerts {
		if a.Labels["cluster"] != "eu" {
			return nil, fmt.Errorf("%v lacks its cluster", a.Labels)
		}
		if a.State == "firing" {
			names = append(names, strings.TrimPrefix(a.Labels["alertname"], prefix)+"/"+a.Labels["severity"])
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// holds waits until Prometheus has seen a condition for longer than any rule of it waits here: who tells nothing then was kept quiet.
func (s *stage) holds(condition string) {
	s.t.Helper()
	query := url.Values{"query": {fmt.Sprintf("min_over_time(nakama_warden_condition_active{condition=%q}[2s]) == 1", condition)}}
	var answer struct {
		Data struct {
			Result []struct{} `json:"result"`
		} `json:"data"`
	}
	s.await(func() bool {
		err := s.get("http://"+prometheusAt+"/api/v1/query?"+query.Encode(), &answer)
		return err == nil && len(answer.Data.Result) == 1
	}, func() string { return condition + " does not hold for Prometheus" })
}

package alerting

import (
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
)

// deliveryFailing is also a queue that has overflowed and is not empty since: what was dropped is counted from the start of
// the agent, and is not to be held against a receiver that has long been well.
func deliveryFailing(h status.Host, _ float64) []finding {
	var found []finding
	for _, d := range h.Agent.Deliveries {
		dropped := d.Results["dropped"]
		switch {
		case !d.FailingFrom.IsZero():
			found = append(found, finding{subject: d.Receiver, summary: summary("%s does not take alerts since %s (%s%s): %s; mend it, then `nakama-warden alert-test`",
				d.Receiver, clock(d.FailingFrom), amount(d.Queued, "waits", "wait"), lost(dropped), orElse(d.Problem, "it does not answer"))})
		case dropped > 0 && d.Queued > 0:
			found = append(found, finding{subject: d.Receiver, summary: summary("%s is too slow: %s%s; see `nakama-warden status`, and whether it limits its rate",
				d.Receiver, amount(d.Queued, "alert waits", "alerts wait"), lost(dropped))})
		}
	}
	return found
}

func lost(dropped uint64) phrase {
	if dropped == 0 {
		return ""
	}
	return ", " + amount(dropped, "was dropped", "were dropped")
}

func configInvalid(h status.Host, _ float64) []finding {
	c := h.Config
	if c.Problem == "" {
		return nil
	}
	in := phrase("the one before it stays in force")
	if c.FromLastStart {
		in = "what was enforced before the last start still is"
	}
	return one(true, summary("%s: so the configuration on disk is not used, %s; mend it, `nakama-warden check`, reload", firstProblem(c), in))
}

// firstProblem is what is wrong with a file. There may be a line for each thing that is, each beginning with the file's name.
func firstProblem(c status.Config) string {
	first, _, _ := strings.Cut(c.Problem, "\n")
	if place, named := strings.CutPrefix(first, c.Path+":"); named && c.Path != "" {
		return "line " + place
	}
	return first
}

func storeDegraded(h status.Host, _ float64) []finding {
	problem := h.Agent.StoreProblem
	return one(problem != "", summary("what is known is not kept over a restart: %s; free the disk or mend the permissions of the state directory, then restart the daemon", chain(problem)))
}

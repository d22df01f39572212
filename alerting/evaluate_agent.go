package alerting

import (
	"fmt"

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
			found = append(found, finding{subject: d.Receiver, summary: summary("%s does not take alerts since %s (%d wait%s): %s; mend it, then try `nakama-warden alert-test`",
				d.Receiver, clock(d.FailingFrom), d.Queued, lost(dropped), orElse(d.Problem, "it does not answer"))})
		case dropped > 0 && d.Queued > 0:
			found = append(found, finding{subject: d.Receiver, summary: summary("%s is too slow: %d alerts wait%s; see `nakama-warden status`, and whether it limits its rate",
				d.Receiver, d.Queued, lost(dropped))})
		}
	}
	return found
}

func lost(dropped uint64) phrase {
	if dropped == 0 {
		return ""
	}
	return phrase(fmt.Sprintf(", %d were dropped", dropped))
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
	return one(true, summary("the configuration on disk is not used, %s: %s; mend it, `nakama-warden check`, reload", in, c.Problem))
}

func storeDegraded(h status.Host, _ float64) []finding {
	problem := h.Agent.StoreProblem
	return one(problem != "", summary("what is known is not kept over a restart: %s; free the disk or mend the permissions of the state directory, then restart the daemon", problem))
}

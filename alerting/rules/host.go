package rules

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// aboutAvailability is what a maintenance keeps quiet, as the agent does: a fence that is open is not what anybody meant by it.
const aboutAvailability = "availability"

// ofHost says how a condition of a host shows in its metrics.
func ofHost(c Condition) []finding {
	if c.About == aboutFleet {
		return nil
	}
	found := raw(c)
	if found == nil {
		found = []finding{{
			expr:        judged(c.Name),
			description: "The agent on {{ $labels.instance }} says so: `nakama-warden status` there names what it is about, and what to do.",
		}}
	}
	if c.About == aboutAvailability {
		for i := range found {
			found[i].expr = fmt.Sprintf("(%s) unless on (instance) nakama_warden_maintenance == 1", found[i].expr)
		}
	}
	return found
}

// judged is what the agent itself makes of its host. It is the better rule where it knows more than its metrics tell: who fights,
// what runs here no more, what is draining, what belongs to whom.
func judged(name string) string {
	return fmt.Sprintf(`max without (condition, severity) (nakama_warden_condition_active{condition=%q}) == 1`, name)
}

// raw is how a condition shows in metrics that say more of it than that it holds; nothing for one that the agent judges.
func raw(c Condition) []finding {
	switch c.Name {
	case "NotEnforced":
		return notEnforced()
	case "UnsafeExposure":
		return unsafeExposure()
	case "MemoryNearlyExhausted":
		return memoryNearlyExhausted(c.Threshold)
	case "DriftRepeated":
		return []finding{{
			expr:        fmt.Sprintf(`sum without (kind) (increase(nakama_warden_firewall_drift_total[1h])) >= %g`, c.Threshold),
			description: "The rules were changed and put right {{ $value | printf \"%.0f\" }} times within an hour: find out who, `nakama-warden events --kind drift`, and stop it.",
		}}
	case "Drift":
		return []finding{{
			expr:        fmt.Sprintf(`sum without (kind) (increase(nakama_warden_firewall_drift_total[%s])) > 0`, seconds(c.Threshold)),
			description: "Somebody changed our table, and it was put right: `nakama-warden events --kind drift` says who and what.",
		}}
	case "RosterStale":
		return rosterStale(c.Threshold)
	case "ProvisionBelowTarget":
		return provisionBelowTarget(c.Threshold)
	case "MemoryExhaustionForecast":
		return []finding{{
			expr:        `nakama_warden_memory_exhaustion_timestamp_seconds > 0`,
			description: "The load of {{ $labels.unit }} is forecast to fill its memory at {{ $value | humanizeTimestamp }}: add a node, or give it more memory, before.",
		}}
	case "ConfigInvalid":
		return []finding{{
			expr:        `nakama_warden_config_last_reload_successful == 0`,
			description: "The configuration on disk is not used: `nakama-warden check` says why; mend it and reload.",
		}}
	}
	return nil
}

// notEnforced asks also when the kernel was read back last: an agent that hangs raises no condition. Half an hour is far beyond
// the slowest verification; a pause is a person's word, and has a condition of its own.
func notEnforced() []finding {
	return []finding{{
		expr: judged("NotEnforced") + `
			or (
				time() - nakama_warden_firewall_last_verified_timestamp_seconds > 1800
				and on (instance) nakama_warden_host_info{mode="enforce"}
				unless on (instance) nakama_warden_condition_active{condition="Paused"} == 1
			)`,
		description: "What should be hidden may be open: `nakama-warden status` on {{ $labels.instance }} says why, `nakama-warden apply` puts the rules back.",
	}}
}

// unsafeExposure pages for a way past rules that are in force, which nobody knows of. What the configuration itself opens, by
// `unsafe: true`, is known, and a ticket. Only the agent can tell the two apart, and its severity says which it is.
func unsafeExposure() []finding {
	as := func(severity string) string {
		return fmt.Sprintf(`max without (condition, severity) (nakama_warden_condition_active{condition="UnsafeExposure",severity%s}) == 1`, severity)
	}
	return []finding{{
		expr:        as(`!~"warning|info"`),
		description: "A service can be reached past the rules: `nakama-warden status` on {{ $labels.instance }} names the way; close it, or take the service off that network.",
	}, {
		expr:        as(`=~"warning|info"`),
		severity:    "warning",
		description: "A service is open by `unsafe: true` in the configuration: take that out, or disable this condition if it must be.",
	}}
}

// memoryNearlyExhausted names the unit whose own limit is near. Of a host, or a limit that several units share, the agent
// knows what is left; it is asked where no unit is near its own.
func memoryNearlyExhausted(threshold float64) []finding {
	return []finding{{
		expr: fmt.Sprintf(`nakama_warden:unit_memory_used:ratio{source="cgroup"} >= %g or on (instance) %s`,
			threshold, judged("MemoryNearlyExhausted")),
		description: "{{ if $labels.unit }}{{ $labels.unit }} uses {{ $value | humanizePercentage }} of its limit{{ else }}The host, or a limit that units share, is nearly full{{ end }}: " +
			"raise the limit, move players away, or lower what a database may cache.",
	}}
}

func rosterStale(within float64) []finding {
	return []finding{{
		expr: fmt.Sprintf(`min without (source) (nakama_warden_roster_source_up) == 0
			or time() - nakama_warden_roster_last_success_timestamp_seconds > %g`, within),
		description: "Group {{ $labels.group }} is not up to date; what was known last stays in force. `nakama-warden status` names the source that fails: mend it.",
	}}
}

// provisionBelowTarget has no threshold of its own: what is wanted is declared under capacity.
func provisionBelowTarget(threshold float64) []finding {
	expr := `nakama_warden_provision_ratio < on (instance) group_left () nakama_warden_provision_target_ratio`
	if threshold > 0 {
		expr = fmt.Sprintf(`nakama_warden_provision_ratio < %g`, threshold)
	}
	return []finding{{
		expr: expr,
		description: "What fits {{ $labels.unit }} is {{ $value | printf \"%.1f\" }} × its peak, less than is wanted: `nakama-warden status` names what runs out first. " +
			"Of memory, add a node or enlarge this one; of file descriptors or tracked connections, raise their limit.",
	}}
}

// seconds is a threshold as the range of an expression.
func seconds(n float64) string {
	return model.Duration(time.Duration(n * float64(time.Second))).String()
}

package alerting

import (
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// What a condition is about. A maintenance keeps only what is about availability from being told: a fence that is open is not
// what anybody meant by it.
const (
	AboutFence        = "fence"
	AboutAvailability = "availability"
	AboutCapacity     = "capacity"
	AboutAgent        = "agent"
)

// The units of thresholds.
const (
	UnitRatio   = "ratio"   // 0.9 is 90 %
	UnitSeconds = "seconds" // how long something that happened, or that did not, counts
	UnitDrifts  = "drifts"  // within an hour
)

// Definition is a condition before any override. Its runbook is docs/runbooks/NAME.md.
type Definition struct {
	Name       string
	Severity   string
	For        time.Duration // how long it must hold until it is told
	ClearAfter time.Duration // how long it must be gone until that is told
	Threshold  float64       // 0: it has none, or one that is declared elsewhere
	Unit       string        // of the threshold
	About      string
	Title      string
}

// Severities are those in which the condition can hold, the worst first. Only what is open by the operator's own word is less bad
// than the rest of its condition.
func (d Definition) Severities() []string {
	if d.Name == unsafeExposureName {
		return []string{d.Severity, byWord}
	}
	return []string{d.Severity}
}

// Catalogue returns every condition of a host, the most severe first.
func Catalogue() []Definition {
	var all []Definition
	for _, r := range rules() {
		all = append(all, r.Definition)
	}
	return all
}

// FleetConditions are the names of the conditions of a whole fleet, which no host can tell of itself.
func FleetConditions() []string {
	return []string{"HostAbsent", "LoadImbalance", "FleetCannotLoseNode", "PolicySkew", "PathBlocked", "PathOpen"}
}

// rules are grouped by severity. How long a condition must be gone follows from what it is: a state of ours is gone when it
// is, a measured level swings, and a peak of the load comes back the next day.
func rules() []rule {
	const (
		critical, warning, info = status.SeverityCritical, status.SeverityWarning, status.SeverityInfo
		minute, hour            = time.Minute, time.Hour
	)
	// Name, severity, told after, gone after, threshold and its unit, about, title.
	return []rule{
		{Definition{"NotEnforced", critical, 5 * minute, 2 * minute, 0, "", AboutFence,
			"Rules that are declared are not in the kernel."}, notEnforced},
		{Definition{unsafeExposureName, critical, 2 * minute, 5 * minute, 0, "", AboutFence,
			"A guarded service can be reached by whom it should be hidden from."}, unsafeExposure},
		{Definition{"MemoryNearlyExhausted", critical, 5 * minute, 15 * minute, 0.9, UnitRatio, AboutCapacity,
			"The memory of a service or of the host is nearly used up."}, memoryNearlyExhausted},
		{Definition{"ServiceDown", critical, 3 * minute, minute, 0, "", AboutAvailability,
			"A Nakama or CockroachDB that ran here does not run."}, serviceDown},

		{Definition{"DriftFight", warning, 0, 10 * minute, 0, "", AboutFence,
			"Another program keeps taking our table away."}, driftFight},
		{Definition{"DriftRepeated", warning, 0, 10 * minute, 3, UnitDrifts, AboutFence,
			"Somebody changed the rules several times within an hour."}, driftRepeated},
		{Definition{"UnexpectedDatabaseClient", warning, 5 * minute, 15 * minute, 0, "", AboutFence,
			"A client is connected to the database that the policy does not admit."}, unexpectedDatabaseClient},
		{Definition{"RosterStale", warning, 10 * minute, 5 * minute, 3600, UnitSeconds, AboutFence,
			"It is not known who belongs to a group now."}, rosterStale},
		{Definition{"ProvisionBelowTarget", warning, 30 * minute, hour, 0, UnitRatio, AboutCapacity,
			"Fewer connections fit than the peak needs with the wanted spare."}, provisionBelowTarget},
		{Definition{"MemoryExhaustionForecast", warning, 0, 15 * minute, 0, "", AboutCapacity,
			"The load is forecast to meet what fits into memory."}, memoryExhaustionForecast},
		{Definition{"DescriptorsLow", warning, 5 * minute, 10 * minute, 0.8, UnitRatio, AboutCapacity,
			"A service is near its limit of file descriptors."}, descriptorsLow},
		{Definition{"ConntrackNearFull", warning, 5 * minute, 10 * minute, 0.8, UnitRatio, AboutCapacity,
			"The host's table of tracked connections is nearly full."}, conntrackNearFull},
		{Definition{"HostUndersized", warning, 5 * minute, 5 * minute, 0, "", AboutCapacity,
			"The host is smaller than its roles need."}, hostUndersized},
		{Definition{"RolesShareHost", warning, 5 * minute, 5 * minute, 0, "", AboutCapacity,
			"Nakama and CockroachDB share a host in production."}, rolesShareHost},
		{Definition{"CockroachMemoryMisconfigured", warning, 5 * minute, 5 * minute, 0, "", AboutCapacity,
			"CockroachDB may use more memory than it has."}, cockroachMemoryMisconfigured},
		{Definition{"OutOfMemoryKill", warning, 0, minute, 3600, UnitSeconds, AboutAvailability,
			"The kernel killed a process for want of memory."}, outOfMemoryKill},
		{Definition{"DeliveryFailing", warning, 5 * minute, 5 * minute, 0, "", AboutAgent,
			"A receiver does not take alerts."}, deliveryFailing},
		{Definition{"ConfigInvalid", warning, 5 * minute, minute, 0, "", AboutAgent,
			"The configuration on disk is not the one in force."}, configInvalid},
		{Definition{"StoreDegraded", warning, minute, 5 * minute, 0, "", AboutAgent,
			"The agent cannot keep what it knows."}, storeDegraded},
		{Definition{"Paused", warning, 0, 0, 0, "", AboutFence,
			"A person lets everybody in for a while."}, paused},

		{Definition{"Drift", info, 0, 0, 600, UnitSeconds, AboutFence,
			"Somebody changed the rules, and they were put right."}, drift},
		{Definition{"ServiceRestarted", info, 0, 0, 1800, UnitSeconds, AboutAvailability,
			"A service was restarted."}, serviceRestarted},
		{Definition{"RosterShrinkHeld", info, 0, minute, 0, "", AboutFence,
			"A group lost too much at once, and keeps it until a person agrees."}, rosterShrinkHeld},
		{Definition{"PortHeldByOther", info, minute, minute, 0, "", AboutFence,
			"Another program listens on a guarded port."}, portHeldByOther},
		{Definition{"AuditOnly", info, 0, 0, 0, "", AboutFence,
			"Services are counted, and nothing is refused."}, auditOnly},
	}
}

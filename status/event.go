package status

import "time"

// Event is something that happened once. Kind is one of the Kind constants; Fields hold what a machine would search
// for, Summary what a person would read.
type Event struct {
	Sequence uint64            `json:"sequence,omitempty"` // given by the store, ascending
	Time     time.Time         `json:"time"`
	Kind     string            `json:"kind"`
	Summary  string            `json:"summary"`
	Fields   map[string]string `json:"fields,omitempty"`
}

// The kinds of events.
const (
	KindStarted        = "started"
	KindStopped        = "stopped"
	KindPolicyApplied  = "policy_applied"
	KindPolicyRemoved  = "policy_removed"
	KindPaused         = "paused"
	KindPauseEnded     = "pause_ended"
	KindReverted       = "reverted"
	KindConfirmed      = "confirmed"
	KindRevoked        = "revoked"
	KindCut            = "cut"
	KindDrift          = "drift"
	KindDriftFight     = "drift_fight"
	KindCommitFailed   = "commit_failed"
	KindConfigReloaded = "config_reloaded"
	KindConfigInvalid  = "config_invalid"
	KindFound          = "found"
	KindRosterChanged  = "roster_changed"
	KindRosterHeld     = "roster_held"
	KindSourceFailed   = "source_failed"
	KindSourceBack     = "source_back"
	KindStoreDegraded  = "store_degraded"
	KindRefused        = "refused"
	KindAlertFiring    = "alert_firing"
	KindAlertResolved  = "alert_resolved"
	KindSilence        = "silence"
	KindMaintenance    = "maintenance"
	KindDeliveryFailed = "delivery_failed"
	KindDeliveryBack   = "delivery_back"
	KindServiceDown    = "service_down"
	KindServiceBack    = "service_back"
	KindRestarted      = "service_restarted"
	KindOOMKill        = "oom_kill"
)

package status

import "time"

// Sample is one measurement of the host and of the services found on it. Numbers that are unknown are absent.
type Sample struct {
	Time    time.Time `json:"time"`
	Machine Machine   `json:"machine"`
	Units   []Unit    `json:"units"`
	Held    []Holder  `json:"held,omitempty"` // guarded ports that other programs hold (PortHeldByOther)
	Down    []Down    `json:"down,omitempty"` // units that ran here and do not run now (ServiceDown)
	// Problems are what could not be measured, each with what would help.
	Problems []string `json:"problems,omitempty"`
}

// Holder is a program that listens on a port that is guarded for another.
type Holder struct {
	Service string `json:"service"`
	Port    uint16 `json:"port"`
	Program string `json:"program"`
	PID     int    `json:"pid"`
}

// Down is a unit that ran here and does not run now, or runs and listens on none of its guarded ports any more. Where names do
// not last (containers with an ID only, processes in neither container nor unit) the role stands for all of them, and they are
// down when nothing of the role runs. Not down are a unit that another of its role took the place of, a systemd unit that is
// uninstalled, and one of a role that the host has no more.
type Down struct {
	Name  string    `json:"name"`
	Role  string    `json:"role"`
	Since time.Time `json:"since"` // it was last seen to serve then
	// OOMKilled is when the kernel was seen to kill it for want of memory.
	OOMKilled time.Time `json:"oom_killed,omitzero"`
}

// Machine is the host as a whole.
type Machine struct {
	CPUs            int       `json:"cpus"`
	MemoryTotal     uint64    `json:"memory_total_bytes"`
	MemoryAvailable uint64    `json:"memory_available_bytes"`
	SwapTotal       uint64    `json:"swap_total_bytes"`
	SwapFree        uint64    `json:"swap_free_bytes"`
	Conntrack       *Level    `json:"conntrack,omitempty"` // where connection tracking is in use
	OOMKills        uint64    `json:"oom_kills,omitempty"` // processes that the kernel killed for want of memory since boot
	OOMKilled       time.Time `json:"oom_killed,omitzero"` // when the last one was seen
	Sizing          []string  `json:"sizing,omitempty"`    // why the host is smaller than its roles need (HostUndersized)
	Sharing         string    `json:"sharing,omitempty"`   // why its roles must not share it (RolesShareHost)
	Advice          string    `json:"advice,omitempty"`    // what would be ideal, where the host suffices
}

// Level is how much of something that is limited is in use.
type Level struct {
	Used  uint64 `json:"used"`
	Limit uint64 `json:"limit"`
}

// Unit is one process of a service: a Nakama or a CockroachDB, told from others by its systemd unit or container.
type Unit struct {
	Name      string    `json:"name"` // the systemd unit or the container's name; the program's name where there is neither
	Role      string    `json:"role"`
	Program   string    `json:"program"`
	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	Restarted time.Time `json:"restarted,omitzero"` // when it was found in place of another process of the unit (ServiceRestarted)
	Own       bool      `json:"own_namespace"`      // its network is the host's own

	Ports  []Port `json:"ports"`
	Memory Memory `json:"memory"`
	Files  *Level `json:"files,omitempty"` // descriptors

	Application *Application `json:"application,omitempty"` // what it says of itself, where it can be asked
	// WithoutSession are connections that have not authenticated, where Nakama says how many sessions it has.
	WithoutSession *uint64 `json:"connections_without_session,omitempty"`
	// UnexpectedClients are remote addresses with open connections that the policy does not admit (database only).
	UnexpectedClients []Client  `json:"unexpected_clients,omitempty"`
	Capacity          *Capacity `json:"capacity,omitempty"`      // of a Nakama
	Misconfigured     string    `json:"misconfigured,omitempty"` // CockroachDB's caches do not fit the memory
	Problems          []string  `json:"problems,omitempty"`
}

// Port is one port that a unit listens on and who is connected to it.
type Port struct {
	Port    uint16 `json:"port"`
	Service string `json:"service,omitempty"` // the guarded service it belongs to
	// Connections are those that hold memory: established and close-wait.
	Connections uint64            `json:"connections"`
	States      map[string]uint64 `json:"states,omitempty"` // of the last exact count
	How         string            `json:"how"`              // exact: just counted; derived: from descriptors and the last exact count; established: from the kernel's total
	Exact       time.Time         `json:"exact,omitzero"`   // when it was counted last
}

// Client is a remote address and how many connections it has.
type Client struct {
	Address     string `json:"address"`
	Connections uint64 `json:"connections"`
}

// Memory is what a unit uses, and what limits it.
type Memory struct {
	Resident  uint64    `json:"resident_bytes"`
	Anonymous uint64    `json:"anonymous_bytes,omitempty"`
	File      uint64    `json:"file_bytes,omitempty"`
	Kernel    uint64    `json:"kernel_bytes,omitempty"`   // of its cgroup
	Limit     uint64    `json:"limit_bytes"`              // the one that binds
	LimitBy   string    `json:"limit_by"`                 // cgroup PATH, host
	GoLimit   uint64    `json:"go_limit_bytes,omitempty"` // GOMEMLIMIT
	OOMKills  uint64    `json:"oom_kills"`                // at the level that binds
	OOMKilled time.Time `json:"oom_killed,omitzero"`      // when that number was seen to rise last
	Ceiling   uint64    `json:"ceiling_bytes,omitempty"`  // what today's load may rise to without one more connection
}

// Application is what a service says of itself. Nakama's gauges are up to a minute old.
type Application struct {
	URL       string             `json:"url"`
	Time      time.Time          `json:"time,omitzero"`   // of the last answer
	Ready     *bool              `json:"ready,omitempty"` // CockroachDB's /health?ready=1
	Sessions  *uint64            `json:"sessions,omitempty"`
	Presences *uint64            `json:"presences,omitempty"`
	Values    map[string]float64 `json:"values,omitempty"` // the metrics that are used, by name
	Problem   string             `json:"problem,omitempty"`
}

// Capacity is how many connections fit on a Nakama, and how sure that is. While it is not known the numbers are a bound of
// low confidence, and Reason says what is lacking.
type Capacity struct {
	Known              bool       `json:"known"`
	Reason             string     `json:"reason,omitempty"`
	Fits               uint64     `json:"fits"`     // connections, with 90 % certainty
	Expected           uint64     `json:"expected"` // if all goes as expected
	Binding            string     `json:"binding"`  // the resource that runs out first: memory, descriptors or conntrack
	Resources          []Resource `json:"resources"`
	BytesPerConnection float64    `json:"bytes_per_connection"`
	Peak               uint64     `json:"peak"`                              // the most connections of the peak window
	Ratio              float64    `json:"provision_ratio"`                   // fits / peak; 0 while there was no load
	Target             float64    `json:"provision_target_ratio"`            // what is wanted
	Below              bool       `json:"below_target"`                      // ProvisionBelowTarget
	SufficientMemory   uint64     `json:"sufficient_memory_bytes,omitempty"` // where there is far more than is wanted: what would do
	Exhaustion         *time.Time `json:"exhaustion,omitempty"`              // when the load is forecast to meet what fits into memory (MemoryExhaustionForecast)
	Joint              *Joint     `json:"joint,omitempty"`                   // where the memory that limits it is shared with other Nakamas
	// Curve is the memory of the process over connections, ascending, from none to beyond what fits; while the model is known.
	Curve []CurvePoint `json:"curve,omitempty"`
	// KernelPerConnection is what each connection takes of the limit outside of the process, at most.
	KernelPerConnection uint64 `json:"kernel_bytes_per_connection,omitempty"`
}

// CurvePoint is the memory of a process at a number of connections.
type CurvePoint struct {
	Connections uint64 `json:"connections"`
	Expected    uint64 `json:"expected_bytes"`
	Upper       uint64 `json:"upper_bytes"` // it stays below this with 90 %
}

// Joint is what several Nakamas carry together within one limit of memory, if they go on sharing the load as at their peaks. The
// capacity of each is its part of it.
type Joint struct {
	Units    []string `json:"units"`
	LimitBy  string   `json:"limit_by"` // cgroup PATH, host
	Limit    uint64   `json:"limit_bytes"`
	Known    bool     `json:"known"`
	Fits     uint64   `json:"fits"`
	Expected uint64   `json:"expected"`
}

// Resource is one thing that connections use up.
type Resource struct {
	Name   string `json:"name"`
	Limit  uint64 `json:"limit"` // of memory what others leave of it; it may be shared
	Fits   uint64 `json:"fits"`
	Known  bool   `json:"known"`
	Reason string `json:"reason,omitempty"`
}

package status

// Forecast answers how much memory a number of connections takes. The numbers are there even when the model is not known:
// then Known is false and Reason says why.
type Forecast struct {
	Connections        uint64  `json:"connections"`
	Memory             uint64  `json:"memory_bytes"`       // of the process
	MemoryUpper        uint64  `json:"memory_bytes_upper"` // it stays below this with 90 %
	Kernel             uint64  `json:"kernel_bytes"`       // at most so much beside, in the kernel, which counts against every limit too
	Known              bool    `json:"known"`
	Reason             string  `json:"reason"`
	BytesPerConnection float64 `json:"bytes_per_connection"`
	Doubt              float64 `json:"bytes_per_connection_doubt"` // give or take: one standard deviation
	Base               uint64  `json:"base_bytes"`

	// What it rests on.
	Unit        string  `json:"unit,omitempty"`    // whose model it is; none of a recording
	Samples     int     `json:"samples,omitempty"` // of a recording
	Windows     int     `json:"windows"`           // stretches of steady load: what moves teaches nothing
	Seconds     float64 `json:"seen_seconds"`      // how long a recording is, or how long its windows last together
	LeastSeen   uint64  `json:"least_seen"`        // connections
	LargestSeen uint64  `json:"largest_seen"`      // beyond it the model extrapolates
	Surer       string  `json:"surer,omitempty"`   // what would make it surer

	Capacity *Capacity      `json:"capacity,omitempty"` // of a unit that runs: what binds, and how many fit
	Check    *ForecastCheck `json:"check,omitempty"`    // of a recording
}

// ForecastCheck holds a recording against itself: what its lower loads alone foretell of its top, beside what was measured there.
type ForecastCheck struct {
	LargestSeen uint64 `json:"largest_seen"` // of the part that taught
	Known       bool   `json:"known"`        // that part was enough
	Connections uint64 `json:"connections"`
	Memory      uint64 `json:"memory_bytes"`
	MemoryUpper uint64 `json:"memory_bytes_upper"`
	Measured    uint64 `json:"measured_bytes"`
}

// ForecastRequest asks how much memory a number of connections takes on a Nakama of this host. Unit may be empty where there
// is only one.
type ForecastRequest struct {
	Connections uint64 `json:"connections"`
	Unit        string `json:"unit,omitempty"`
}

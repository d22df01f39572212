package status

// Forecast answers how much memory a number of connections takes. The numbers are there even when the model is not known:
// then Known is false and Reason says why.
type Forecast struct {
	Connections        uint64  `json:"connections"`
	Memory             uint64  `json:"memory_bytes"`
	MemoryUpper        uint64  `json:"memory_bytes_upper"` // it stays below this with 90 %
	Known              bool    `json:"known"`
	Reason             string  `json:"reason"`
	BytesPerConnection float64 `json:"bytes_per_connection"`
	Base               uint64  `json:"base_bytes"`
	LargestSeen        uint64  `json:"largest_seen"` // the most connections that were observed: beyond it the model extrapolates
}

// ForecastRequest asks how much memory a number of connections takes on a Nakama of this host. Unit may be empty where there
// is only one.
type ForecastRequest struct {
	Connections uint64 `json:"connections"`
	Unit        string `json:"unit,omitempty"`
}

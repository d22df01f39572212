package loki

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// ledger reads the two counters by which the library tells what became of entries, for one host of a URL. The library
// registers them with the default registry, which nobody serves.
type ledger struct{ sent, dropped prometheus.Counter }

// tally is what the counters say.
type tally struct{ sent, dropped float64 }

func (t tally) all() float64 { return t.sent + t.dropped }

func ledgerOf(host string) (ledger, error) {
	sent, sentErr := counter("sent_entries_total", "Number of log entries sent to the ingester.", host)
	dropped, droppedErr := counter("dropped_entries_total",
		"Number of log entries dropped because failed to be sent to the ingester after all retries.", host)
	return ledger{sent, dropped}, errors.Join(sentErr, droppedErr)
}

// counter finds a counter of the library by trying to register its like: the registry answers with the one it has.
// Gathering the registry would find it too, and read the whole process ten times a second on the way.
func counter(name, help, host string) (prometheus.Counter, error) {
	const label = "host"
	like := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "promtail", Name: name, Help: help}, []string{label})
	err := prometheus.DefaultRegisterer.Register(like)
	if err == nil {
		prometheus.DefaultRegisterer.Unregister(like)
	}
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if vec, ok := there.ExistingCollector.(*prometheus.CounterVec); ok {
			return vec.GetMetricWithLabelValues(host)
		}
	}
	return nil, fmt.Errorf("the client for Loki does not count promtail_%s as it did", name)
}

func (l ledger) read() tally { return tally{sent: value(l.sent), dropped: value(l.dropped)} }

func value(c prometheus.Counter) float64 {
	var m dto.Metric
	_ = c.Write(&m) // fails on bad labels only, with which there would be no counter
	return m.GetCounter().GetValue()
}

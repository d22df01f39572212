package loki

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// receiver is what Loki is called in events of deliveries.
const receiver = "loki"

// outage is the time since Loki last took a batch, if it was asked in vain since.
type outage struct {
	attempts int
	since    time.Time
	told     bool // an event tells it
	lost     uint64
}

// failed says when to try again.
func (s *Shipper) failed(err error) pause {
	o, now := &s.outage, s.o.Now()
	if o.attempts == 0 && o.since.IsZero() {
		o.since = now
		s.o.Log.Warn("Loki does not take events; they wait in the store", "error", err)
	}
	if !o.told && now.Sub(o.since) >= s.o.Pace.Patience {
		o.told = true
		s.o.Tell(status.Event{Kind: status.KindDeliveryFailed, Summary: "Loki does not take events; they wait in the store: " + err.Error(),
			Fields: map[string]string{"receiver": receiver, "problem": err.Error()}})
	}
	delay := s.o.Pace.Retry
	for range o.attempts {
		if delay *= 2; delay >= s.o.Pace.RetryMax {
			break
		}
	}
	o.attempts++
	return pause(min(delay, s.o.Pace.RetryMax))
}

// recovered ends the outage, if there was one.
func (s *Shipper) recovered() {
	o := s.outage
	s.outage = outage{}
	if o.since.IsZero() {
		return
	}
	took := s.o.Now().Sub(o.since).Round(time.Second)
	s.o.Log.Info("Loki takes events again", "after", took, "lost", o.lost)
	if o.told {
		s.o.Tell(status.Event{Kind: status.KindDeliveryBack, Summary: fmt.Sprintf("Loki takes events again, after %s; %d were lost", took, o.lost),
			Fields: map[string]string{"receiver": receiver, "lost": strconv.FormatUint(o.lost, 10)}})
	}
}

// lose counts events that Loki will never have.
func (s *Shipper) lose(events uint64, why string, err error) {
	s.outage.lost += events
	s.o.Lost(events)
	s.o.Log.Warn("events are lost to Loki: "+why, "events", events, "error", err)
}

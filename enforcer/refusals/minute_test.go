package refusals

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestPerMinute(t *testing.T) {
	p := NewPerMinute(2)
	minute := start().Truncate(time.Minute)
	note := func(r Refusal, times int) {
		t.Helper()
		for range times {
			if events := p.Note(r); len(events) > 0 {
				t.Errorf("events inside a minute: %+v", events)
			}
		}
	}
	audited := by("10.0.0.2", minute.Add(2*time.Second), 7352)
	audited.Verdict, audited.Service = WouldRefuse, "nakama-cluster"
	note(by("10.0.0.1", minute, 7351), 3)
	note(by("10.0.0.1", minute.Add(time.Second), 7348), 1)
	note(audited, 2)
	note(by("10.0.0.3", minute.Add(3*time.Second), 0), 1)
	note(by("10.0.0.4", minute.Add(4*time.Second), 7351), 1)
	if events := p.End(minute.Add(59 * time.Second)); len(events) > 0 {
		t.Errorf("ended too early: %+v", events)
	}
	want := []status.Event{
		{Time: minute.Add(time.Second), Kind: status.KindRefused,
			Summary: "10.0.0.1 was refused at nakama-console: 4 packets to ports 7348, 7351",
			Fields:  map[string]string{"service": console, "verdict": Refused, "source": "10.0.0.1", "packets": "4", "ports": "7348,7351"}},
		{Time: minute.Add(2 * time.Second), Kind: status.KindRefused,
			Summary: "10.0.0.2 would be refused at nakama-cluster: 2 packets to port 7352",
			Fields:  map[string]string{"service": "nakama-cluster", "verdict": WouldRefuse, "source": "10.0.0.2", "packets": "2", "ports": "7352"}},
		{Time: minute.Add(4 * time.Second), Kind: status.KindRefused,
			Summary: "and 2 more sources: 2 packets at nakama-console",
			Fields:  map[string]string{"services": console, "sources": "2", "packets": "2"}},
	}
	next := by("10.0.0.9", minute.Add(time.Minute), 0)
	if got := p.Note(next); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	// The minute that nothing follows is ended by the clock, also by one that was set back.
	got := p.End(minute.Add(-time.Hour))
	if len(got) != 1 || got[0].Summary != "10.0.0.9 was refused at nakama-console: 1 packet" {
		t.Errorf("got %+v", got)
	}
	if again := p.End(minute.Add(time.Hour)); len(again) > 0 {
		t.Errorf("told again: %+v", again)
	}
}

func TestPerMinuteIsBounded(t *testing.T) {
	p := NewPerMinute(0)
	random := madeUp()
	const flood = 3 * mostSightings
	for range flood {
		p.Note(Refusal{Time: start(), Service: console, Verdict: Refused, Source: random(), Port: 7351})
	}
	if len(p.seen) > mostSightings {
		t.Errorf("%d sources are kept", len(p.seen))
	}
	events := p.End(start().Add(time.Minute))
	if len(events) != defaultNamed+1 {
		t.Fatalf("%d events; want %d", len(events), defaultNamed+1)
	}
	last := events[defaultNamed].Summary
	want := fmt.Sprintf("and at least %d more sources: %d packets at nakama-console", mostSightings-defaultNamed, flood-defaultNamed)
	if !strings.HasPrefix(last, want) {
		t.Errorf("%s; want %s", last, want)
	}

	for range 2 * defaultNamed {
		p.Note(Refusal{Time: start().Add(time.Minute), Service: console, Verdict: Refused, Source: random(), Port: 7351})
	}
	want = fmt.Sprintf("and %d more sources: %[1]d packets at nakama-console", defaultNamed)
	if events := p.End(start().Add(time.Hour)); events[defaultNamed].Summary != want {
		t.Errorf("the minute after: %s; want %s", events[defaultNamed].Summary, want)
	}
}

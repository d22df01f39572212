package page

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// large is a host as large as one gets: 50 services with 10,000 refused sources, rosters of 100,000, several Nakamas, every list full.
func large() Known {
	k := safe()
	many(&k, 8)
	one := k.Host.Services[1]
	k.Host.Services = nil
	for i := range 50 {
		s := one
		s.Name, s.Refused = fmt.Sprintf("service-with-a-long-name-%d", i), nil
		for j := range 200 {
			r := one.Refused[0]
			r.Source = fmt.Sprintf("2001:db8:%x:%x::1", i, j)
			s.Refused = append(s.Refused, r)
		}
		k.Host.Services = append(k.Host.Services, s)
	}
	for i := range 50 {
		k.Host.Roster = append(k.Host.Roster, status.Group{Name: fmt.Sprint("group-", i), Addresses: 100_000, Prefixes: make([]string, 100_000), Sources: make([]status.Source, 3)})
		k.Host.Alerts = append(k.Host.Alerts, status.Alert{Condition: status.Condition{Name: "Condition", Subject: fmt.Sprint(i), Severity: "warning",
			Summary: strings.Repeat("what to do ", 18)}, State: status.AlertFiring, Runbook: "https://example.org/runbook.md"})
		k.Events = append(k.Events, status.Event{Kind: "drift", Time: noon(), Summary: strings.Repeat("what happened ", 14)})
	}
	return k
}

func TestSize(t *testing.T) {
	const most = 200_000
	for name, k := range map[string]Known{"usual": safe(), "large": large()} {
		text, _ := written(t, k)
		t.Logf("%s: %d bytes", name, len(text))
		if len(text) > most {
			t.Errorf("%s: %d bytes; want at most %d", name, len(text), most)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for name, k := range map[string]Known{"usual": safe(), "large": large()} {
		b.Run(name, func(b *testing.B) {
			p := New()
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Write(io.Discard, k); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

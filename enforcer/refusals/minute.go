package refusals

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// PerMinute gathers refusals into events: one for each service, source and minute, for the busiest sources, and one for
// all the others. Safe for concurrent use.
type PerMinute struct {
	named int

	mu      sync.Mutex // guards what follows: refusals are noted while the clock ends a minute
	minute  time.Time
	seen    map[sighting]*tally
	beyond  uint64 // packets of sources that found seen full
	lastOne time.Time
}

// sighting is what has an event of its own.
type sighting struct {
	heading
	source netip.Addr
}

type tally struct {
	packets uint64
	ports   ports
	last    time.Time
}

const (
	// defaultNamed sources a minute, and one event for the others, make 8,640 events on the worst of days: the 10,000 that
	// the store keeps still hold what else happened since yesterday.
	defaultNamed = 5
	// mostSightings bounds a minute's memory. The rule's limit lets one service come to 3,100 a minute.
	mostSightings = 4096
)

// NewPerMinute makes one that names so many sources a minute; 5 if named is 0.
func NewPerMinute(named int) *PerMinute {
	if named <= 0 {
		named = defaultNamed
	}
	return &PerMinute{named: named, seen: map[sighting]*tally{}}
}

// Note takes in a refusal. When it is the first of another minute it returns the events of the one before.
func (p *PerMinute) Note(r Refusal) []status.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := p.end(r.Time)
	p.lastOne = r.Time
	one := sighting{heading{r.Service, r.Verdict}, r.Source}
	t := p.seen[one]
	switch {
	case t == nil && len(p.seen) >= mostSightings:
		p.beyond++
		return events
	case t == nil:
		t = &tally{}
		p.seen[one] = t
	}
	t.packets++
	t.last = r.Time
	t.ports.add(r.Port)
	return events
}

// End returns the events of the minute that was gathered, unless now is in it. The clock calls it, for the minutes
// after which nothing comes.
func (p *PerMinute) End(now time.Time) []status.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end(now)
}

func (p *PerMinute) end(now time.Time) []status.Event {
	minute := now.Truncate(time.Minute)
	if minute.Equal(p.minute) {
		return nil // a clock that was set back ends a minute too, or it would not end for hours
	}
	p.minute = minute
	order := p.busiestFirst()
	var events []status.Event
	for _, one := range order[:min(p.named, len(order))] {
		events = append(events, one.event(p.seen[one]))
	}
	if len(order) > p.named {
		events = append(events, p.others(order[p.named:]))
	}
	clear(p.seen)
	p.beyond = 0
	return events
}

func (p *PerMinute) busiestFirst() []sighting {
	order := make([]sighting, 0, len(p.seen))
	for one := range p.seen {
		order = append(order, one)
	}
	slices.SortFunc(order, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(p.seen[b].packets, p.seen[a].packets), cmp.Compare(a.service, b.service),
			a.source.Compare(b.source), cmp.Compare(a.verdict, b.verdict))
	})
	return order
}

func (one sighting) event(t *tally) status.Event {
	summary := fmt.Sprintf("%s %s at %s: %s%s", one.source, was(one.verdict), one.service, many(t.packets, "packet"), toPorts(t.ports))
	return status.Event{Time: t.last, Kind: status.KindRefused, Summary: summary, Fields: map[string]string{
		"service": one.service, "verdict": one.verdict, "source": one.source.String(),
		"packets": strconv.FormatUint(t.packets, 10), "ports": t.ports.String(),
	}}
}

// others is the event of all who are not named.
func (p *PerMinute) others(rest []sighting) status.Event {
	packets, sources, least := p.beyond, map[netip.Addr]struct{}{}, ""
	var services []string
	for _, one := range rest {
		packets += p.seen[one].packets
		sources[one.source] = struct{}{}
		services = append(services, one.service)
	}
	if p.beyond > 0 {
		least = "at least "
	}
	slices.Sort(services)
	services = slices.Compact(services)
	summary := fmt.Sprintf("and %s%s: %s at %s", least, many(uint64(len(sources)), "more source"), many(packets, "packet"),
		strings.Join(services, ", "))
	return status.Event{Time: p.lastOne, Kind: status.KindRefused, Summary: summary, Fields: map[string]string{
		"services": strings.Join(services, ","), "sources": strconv.Itoa(len(sources)),
		"packets": strconv.FormatUint(packets, 10),
	}}
}

func was(verdict string) string {
	if verdict == WouldRefuse {
		return "would be refused"
	}
	return "was refused"
}

func many(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func toPorts(p ports) string {
	switch len(p) {
	case 0:
		return ""
	case 1:
		return " to port " + p.String()
	}
	return " to ports " + strings.ReplaceAll(p.String(), ",", ", ")
}

// String lists the ports, separated by commas.
func (p ports) String() string {
	texts := make([]string, len(p))
	for i, port := range p {
		texts[i] = strconv.Itoa(int(port))
	}
	return strings.Join(texts, ",")
}

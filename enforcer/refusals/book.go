package refusals

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// BookOptions bound what a Book remembers.
type BookOptions struct {
	SourcesPerService int           // of each verdict; 1000 if 0
	Remember          time.Duration // after the last refusal; 30 days if 0
}

// Book remembers who was refused, in bounded memory: for each service and verdict a shelf of sources. The verdicts are
// apart so that refusing a source does not wipe out what an audit found about it. Safe for concurrent use.
type Book struct {
	options BookOptions

	mu      sync.Mutex // guards what follows: refusals are noted while others ask
	shelves map[heading]*shelf
}

type heading struct{ service, verdict string }

const (
	defaultSources  = 1000
	defaultRemember = 30 * 24 * time.Hour
)

// NewBook makes an empty Book.
func NewBook(o BookOptions) *Book {
	if o.SourcesPerService <= 0 {
		o.SourcesPerService = defaultSources
	}
	if o.Remember <= 0 {
		o.Remember = defaultRemember
	}
	return &Book{options: o, shelves: map[heading]*shelf{}}
}

// Note writes a refusal down.
func (b *Book) Note(r Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shelf(heading{r.Service, r.Verdict}).see(r.Source, r.Time, r.Port)
}

// Sources returns who was refused by a service, the one seen last first.
func (b *Book) Sources(service string) []status.RefusedSource {
	return b.list(func(h heading, _ *source) bool { return h.service == service })
}

// All returns who was refused, the one seen last first.
func (b *Book) All() []status.RefusedSource {
	return b.list(func(heading, *source) bool { return true })
}

// Since returns who got a verdict at t or later, the one seen last first.
func (b *Book) Since(t time.Time, verdict string) []status.RefusedSource {
	return b.list(func(h heading, s *source) bool { return h.verdict == verdict && !s.last.Before(t) })
}

// Counts returns how many sources were refused by each service.
func (b *Book) Counts() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := map[string]int{}
	for h, shelf := range b.shelves {
		for addr := range shelf.sources {
			if !b.knownToEarlier(h, addr) {
				counts[h.service]++
			}
		}
	}
	return counts
}

// Forgotten returns how many sources with a verdict had to make room, by service, since the Book was made: what a list
// of sources leaves out. A source that comes again after that counts again.
func (b *Book) Forgotten(verdict string) map[string]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	forgotten := map[string]uint64{}
	for h, shelf := range b.shelves {
		if h.verdict == verdict && shelf.forgotten > 0 {
			forgotten[h.service] = shelf.forgotten
		}
	}
	return forgotten
}

// Prune forgets the sources that were not seen for as long as the Book remembers.
func (b *Book) Prune(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, shelf := range b.shelves {
		shelf.prune(now, now.Add(-b.options.Remember))
	}
}

// Dump returns all there is to store. Restore takes it back.
func (b *Book) Dump() []status.RefusedSource { return b.All() }

// Restore adds what was stored to what has been noted since. What is no source is left out.
func (b *Book) Restore(stored []status.RefusedSource) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range slices.SortedFunc(slices.Values(stored), func(x, y status.RefusedSource) int { return x.Last.Compare(y.Last) }) {
		addr, err := netip.ParseAddr(r.Source)
		if err != nil || r.Count == 0 || r.Service == "" || r.Verdict == "" {
			continue
		}
		s := &source{addr: addr, first: r.First, last: r.Last, count: r.Count}
		for _, port := range r.Ports {
			s.ports.add(port)
		}
		b.shelf(heading{r.Service, r.Verdict}).put(s)
	}
}

func (b *Book) shelf(h heading) *shelf {
	found, known := b.shelves[h]
	if !known {
		found = newShelf(b.options.SourcesPerService)
		b.shelves[h] = found
	}
	return found
}

// knownToEarlier says whether the service has the address under a verdict that sorts before.
func (b *Book) knownToEarlier(h heading, addr netip.Addr) bool {
	for other, shelf := range b.shelves {
		if other.service == h.service && other.verdict < h.verdict && shelf.sources[addr] != nil {
			return true
		}
	}
	return false
}

func (b *Book) list(chosen func(heading, *source) bool) []status.RefusedSource {
	b.mu.Lock()
	var found []status.RefusedSource
	for h, shelf := range b.shelves {
		for _, s := range shelf.sources {
			if chosen(h, s) {
				found = append(found, s.status(h))
			}
		}
	}
	b.mu.Unlock()
	slices.SortFunc(found, func(x, y status.RefusedSource) int {
		return cmp.Or(y.Last.Compare(x.Last), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Source, y.Source),
			cmp.Compare(x.Verdict, y.Verdict))
	})
	return found
}

package refusals

import (
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

// What one refusal costs from the kernel's datagram to the book and the minute, in the worst case: a flood in which
// every source is another one and both are full. One operation is a datagram of 32.
func BenchmarkRefusal(b *testing.B) {
	book, minute := NewBook(BookOptions{}), NewPerMinute(0)
	random, now := madeUp(), start()
	d := newDecoder(func() time.Time { return now })
	datagrams := make([][]byte, 1024)
	for i := range datagrams {
		for n := range gathered {
			packet := append(ipv4(random(), 6, 0, 0, "\xc0\x00\x1c\xb7"), make([]byte, 32)...)
			datagrams[i] = append(datagrams[i], told(uint32(i*gathered+n), Prefix(console, Refused), packet)...)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Second / 2)
		d.decode(datagrams[i%len(datagrams)], func(r Refusal) {
			book.Note(r)
			minute.Note(r)
		})
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*gathered), "µs/refusal")
}

// What a full book of one service keeps.
func BenchmarkBookMemory(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		random := madeUp()
		runtime.GC()
		runtime.ReadMemStats(&before)
		book := NewBook(BookOptions{})
		for range 10 * defaultSources {
			book.Note(Refusal{Time: start(), Service: console, Verdict: Refused, Source: random(), Port: 7351})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(book)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/defaultSources, "bytes/source")
}

// What settling costs when every regular is challenged: the one place where a shelf is searched through.
func BenchmarkReturningSources(b *testing.B) {
	book := NewBook(BookOptions{})
	random := madeUp()
	sources := slices.Collect(func(yield func(netip.Addr) bool) {
		for range 990 {
			if !yield(random()) {
				return
			}
		}
	})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		book.Note(Refusal{Time: start().Add(time.Duration(i) * 20 * time.Millisecond), Service: console, Verdict: Refused,
			Source: sources[i%len(sources)], Port: 7351})
	}
}

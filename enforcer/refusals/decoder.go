package refusals

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// decoder turns datagrams of the kernel into refusals.
type decoder struct {
	now     func() time.Time
	losses  losses
	origins map[string]origin // by prefix: the same few come again and again
}

// origin is what a prefix says; the zero origin is not ours.
type origin struct{ service, verdict string }

// mostOrigins bounds the memory of prefixes: whoever may write rules may invent prefixes for our group.
const mostOrigins = 1024

func newDecoder(now func() time.Time) *decoder {
	return &decoder{now: now, origins: map[string]origin{}}
}

// decode hands the refusals of a datagram to each. They share one time, that of the reading: the kernel's own
// timestamps are absent where no packet was ever stamped.
func (d *decoder) decode(datagram []byte, each func(Refusal)) {
	now := d.now()
	for m := range messages(datagram) {
		if m.kind != unix.NFNL_SUBSYS_ULOG<<8|messagePacket {
			continue
		}
		r, ok := parseRecord(m.data)
		if !ok {
			continue
		}
		d.losses.arrived(r.number)
		from := d.origin(r.prefix)
		if from == (origin{}) {
			continue
		}
		f, ok := parsePacket(r.packet)
		if !ok {
			d.losses.count.Add(1)
			continue
		}
		each(Refusal{Time: now, Service: from.service, Verdict: from.verdict,
			Source: f.source, Port: f.port, Protocol: protocolName(f.protocol)})
	}
}

func (d *decoder) origin(prefix []byte) origin {
	from, known := d.origins[string(prefix)]
	if !known {
		text := string(prefix)
		from.service, from.verdict, _ = ParsePrefix(text)
		if len(d.origins) >= mostOrigins {
			clear(d.origins)
		}
		d.origins[text] = from
	}
	return from
}

// losses counts what the kernel told of and we did not get. It numbers its records, so a gap says exactly how many; an
// overflow says only that there were some, and their gap shows with the next record.
type losses struct {
	count   atomic.Uint64
	next    uint32 // the number of the record to come
	assumed bool   // an overflow was counted as one, and its gap has not been seen
}

func (l *losses) overflowed() {
	if !l.assumed {
		l.assumed = true
		l.count.Add(1)
	}
}

func (l *losses) arrived(number uint32) {
	gap := number - l.next // also where the numbers begin again at 0
	l.next = number + 1
	if gap == 0 || gap > 1<<31 {
		return // nothing is missing, or a number that went back, as no kernel does
	}
	if l.assumed {
		l.assumed = false
		gap--
	}
	l.count.Add(uint64(gap))
}

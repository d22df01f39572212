package culprit

import "time"

// What is remembered is bounded by number and by age: a program that has run for longer is found in /proc, or has had
// its commit announced long ago. 4096 take about 1 MB.
const (
	rememberMost = 4096
	rememberFor  = 60 * time.Second
)

// executions is what was executed last. The zero value remembers nothing yet.
type executions struct {
	ring []execution
	next int // where the oldest is, once the ring is full
}

type execution struct {
	process
	heard time.Time
}

func (x *executions) add(p process, now time.Time) {
	if len(x.ring) < rememberMost {
		x.ring = append(x.ring, execution{p, now})
		return
	}
	x.ring[x.next] = execution{p, now}
	x.next = (x.next + 1) % rememberMost
}

// find returns the newest process of a number and name that had started by the limit and was heard of since. The
// number alone does not say which one: it may be in use again, and a process may execute one program after another.
func (x *executions) find(pid int, comm string, limit uint64, since time.Time) (process, bool) {
	n := len(x.ring)
	for i := range n {
		e := &x.ring[(x.next+n-1-i)%n]
		if e.heard.Before(since) {
			break
		}
		if e.pid == pid && e.comm == comm && e.started <= limit {
			return e.process, true
		}
	}
	return process{}, false
}

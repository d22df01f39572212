// Package culprit names who changed the table.
//
// The kernel announces a commit with the writer's process number and name. The name is always there, and whoever owns
// the process chooses it; all else is looked up by the number, which may have another owner by now or have been of
// another PID namespace all along. So a fact is told only where it can be trusted: of a process that has the name that
// was announced and that ran when the commit was made. What is not trusted is absent.
//
// A program such as nft has often ended before its commit is announced: reading /proc then named 58 % of them, and
// what the proc connector had told at their start 96.5 % (facts: nftables, "Who did it").
package culprit

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Person is whoever changed the table. Texts are short, and printable on any terminal.
type Person struct {
	Name      string // as announced
	PID       int    // of the process, where a thread was announced
	Argv0     string // what it was called by; never its arguments, which may be secrets
	User      string // who runs it, by name or else by number
	Parent    string // the name of the process that started it
	ParentPID int
}

// Watch remembers for a minute what was executed, where the kernel tells. A program costs 17 µs of reading, and about
// 100 µs with waking up for it on a busy host, where starting it takes a millisecond.
type Watch struct {
	now       func() time.Time
	numbered  bool // the kernel's process numbers are those of our /proc
	reason    string
	connector *connector // nil: nothing is remembered
	reader    sync.WaitGroup

	// mu guards executions, and the connector's order: what is read from it is remembered before anything else is read.
	mu         sync.Mutex
	executions executions
}

// Open starts to remember. Where that is not allowed the Watch works without, and Reason says what is lacking.
func Open(now func() time.Time) *Watch {
	w := &Watch{now: now}
	if w.numbered = inInitial("pid", initialPID); !w.numbered {
		w.reason = "who changes the table is known by name only: the kernel's process numbers are of the host, " +
			"and this is a PID namespace of its own (run in the host's: --pid=host)"
		return w
	}
	c, err := listen()
	if err != nil {
		w.reason = "programs that end at once are known by name only: " + err.Error()
		return w
	}
	w.connector = c
	w.reader.Go(func() { c.await(w.catchUp) })
	return w
}

// Reason says why less is known than could be; it is empty where nothing is lacking.
func (w *Watch) Reason() string { return w.reason }

// Close stops remembering. It may be called again.
func (w *Watch) Close() error {
	if w.connector == nil {
		return nil
	}
	err := w.connector.close()
	w.reader.Wait()
	return err
}

// Identify says who the process was that the kernel announced at a time by name and number.
func (w *Watch) Identify(name string, pid uint32, at time.Time) Person {
	unknown := Person{Name: clean(name)}
	limit, err := w.ticks(at)
	if !w.numbered || pid == 0 || err != nil {
		return unknown
	}
	living, err := readProcess(int(pid))
	ran := err == nil && living.started <= limit // then nobody else had the number at the time
	// What was remembered is better than what is seen now: parents end, and processes rename themselves.
	if p, found := w.recall(int(pid), name, limit); found && (!ran || p.started == living.started) {
		return p.person(unknown)
	}
	if ran && living.comm == name {
		return living.person(unknown)
	}
	return unknown
}

// recall finds a process of the number and name that had started by then.
func (w *Watch) recall(pid int, name string, limit uint64) (process, bool) {
	if w.connector != nil {
		w.connector.do(w.catchUp) // it may have ended before its start was heard of
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.executions.find(pid, name, limit, w.now().Add(-rememberFor))
}

// catchUp remembers what the connector has queued. Its end is bounded, so that it can be waited for in a storm.
func (w *Watch) catchUp(fd int) (more bool) {
	buffer := make([]byte, eventSize)
	for range queueLength {
		if !w.hear(fd, buffer) {
			return false
		}
	}
	return true
}

// hear remembers one executed program; more is false when the queue is empty.
func (w *Watch) hear(fd int, buffer []byte) (more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := receive(fd, buffer)
	if err != nil {
		// An overflow loses the oldest, whose programs have ended; the next read goes on.
		return errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOBUFS)
	}
	if e.what != eventExec {
		return true
	}
	if p, err := readProcess(int(e.pid)); err == nil {
		w.executions.add(p, w.now())
	}
	return true
}

// ticks is a time on the scale on which the kernel notes when a process started.
//
// The scale is 10 ms, so a process that starts within the same tick after the event passes for one that ran. To have
// the number of the culprit it would have to come round all others within that tick, which takes seconds.
func (w *Watch) ticks(at time.Time) (uint64, error) {
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return 0, err
	}
	since := time.Duration(boot.Nano()) - w.now().Sub(at)
	return uint64(max(since, 0) / tick), nil
}

package culprit

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// What golang.org/x/sys does not name (linux/connector.h, linux/cn_proc.h).
const (
	indexProc    = 1 // CN_IDX_PROC, the address of the process events and their multicast group
	valueProc    = 1 // CN_VAL_PROC
	listenerHere = 1 // PROC_CN_MCAST_LISTEN
	listenerGone = 2 // PROC_CN_MCAST_IGNORE

	eventNone = 0 // PROC_EVENT_NONE, the confirmation of a request
	eventExec = 2 // PROC_EVENT_EXEC
)

// A message is an nlmsghdr, a cn_msg and a proc_event; these are the offsets of what is read.
const (
	offsetIndex = unix.SizeofNlMsghdr
	offsetValue = offsetIndex + 4
	offsetMark  = offsetIndex + 12 // ack; the kernel counts seq by itself
	offsetEvent = offsetIndex + 20 // the proc_event: what, CPU, a timestamp of 8 bytes, and what depends on what
	offsetBody  = offsetEvent + 16

	eventSize = 128 // more than the largest event
)

// event is what the kernel tells: a program executed, or a request confirmed.
type event struct {
	what  uint32
	pid   uint32     // of eventExec: the process
	mark  uint32     // of eventNone: the successor of the request's
	errno unix.Errno // of eventNone: why it was refused
}

// parseEvent reads one message. What is no event is an eventNone that confirms nothing.
func parseEvent(b []byte) event {
	if len(b) < offsetBody+8 {
		return event{}
	}
	word := func(offset int) uint32 { return binary.NativeEndian.Uint32(b[offset:]) }
	if int(word(0)) > len(b) || word(offsetIndex) != indexProc || word(offsetValue) != valueProc {
		return event{}
	}
	switch what := word(offsetEvent); what {
	case eventExec:
		return event{what: what, pid: word(offsetBody + 4)} // the first word is the thread
	case eventNone:
		return event{mark: word(offsetMark), errno: unix.Errno(word(offsetBody))}
	}
	return event{}
}

// onlyExecs is a socket filter that keeps all else from waking us up: on an idle host the kernel's own timers and
// threads come and go, but nothing is executed.
func onlyExecs() *unix.SockFprog {
	// The filter loads in network byte order; the kernel wrote in its own.
	order := func(what uint32) uint32 {
		return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, what))
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetEvent},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: order(eventExec), Jt: 1},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: order(eventNone), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: eventSize},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
}

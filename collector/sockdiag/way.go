package sockdiag

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The methods, best first. In another namespace the first two need CAP_SYS_ADMIN and CAP_SYS_PTRACE; the last needs
// neither, at about twice the cost.
const (
	MethodCompat   = "inet_diag compat"
	MethodTwoDumps = "inet_diag, two dumps"
	MethodProc     = "/proc/PID/net/tcp"
)

// The states that are asked for, as in linux/tcp_states.h.
const (
	established = unix.BPF_TCP_ESTABLISHED
	closeWait   = unix.BPF_TCP_CLOSE_WAIT

	heldStates    = 1<<established | 1<<closeWait
	countedStates = heldStates | 1<<unix.BPF_TCP_SYN_RECV | 1<<unix.BPF_TCP_FIN_WAIT1 | 1<<unix.BPF_TCP_FIN_WAIT2 |
		1<<unix.BPF_TCP_LAST_ACK | 1<<unix.BPF_TCP_CLOSING
	listeners = 1 << unix.BPF_TCP_LISTEN
)

// way is a way to see the sockets of a namespace.
type way interface {
	// each shows the sockets that the query asks for. It may be called again after an error; errTorn means that another
	// attempt may succeed at once.
	each(context.Context, query, visit) error
	close() error
}

// query asks for sockets by local port and state.
type query struct {
	ports  []uint16
	states uint32 // a bit each
}

// visit is told of one socket. An IPv4 client of an IPv6 socket is shown as ::ffff:a.b.c.d.
type visit func(port uint16, state uint8, remote netip.Addr)

// timerWait marks what is left of a connection that no process holds any more, whatever its state says.
const timerWait = 3

var (
	errTorn      = errors.New("the kernel's table changed too much while it was read")
	errMalformed = errors.New("malformed answer")
)

// choice is a way, and why it is not a better one.
type choice struct {
	way            way
	method, reason string
}

// choose tries the ways in their order.
func choose(ns Namespace) (choice, error) {
	w, method, refused := chooseDiag(ns)
	if w != nil {
		reason := ""
		if refused != nil {
			reason = refused.Error()
		}
		return choice{w, method, reason}, nil
	}
	folder := ns.folder()
	if folder == "" {
		return choice{}, refused
	}
	p, err := openProc(folder)
	if err != nil {
		if err := ns.ended(); err != nil {
			return choice{}, err
		}
		return choice{}, fmt.Errorf("%w; %w", refused, err)
	}
	return choice{p, MethodProc, refused.Error()}, nil
}

// chooseDiag tries the two requests of inet_diag. An error beside a way says why it is not the better one.
func chooseDiag(ns Namespace) (_ way, method string, refused error) {
	e, err := ns.enter()
	if err != nil {
		return nil, "", err
	}
	d := newDiag(e, unix.AF_UNSPEC)
	// Listeners are in a small table of their own: whether the kernel answers is known without a walk of the large one.
	// The kernel answers while it is asked, so there is nothing that a context would have to end.
	err = d.each(context.Background(), query{[]uint16{1}, listeners}, ignore)
	if err == nil {
		return d, MethodCompat, nil
	}
	d.families = []uint8{unix.AF_INET, unix.AF_INET6}
	if d.each(context.Background(), query{[]uint16{1}, listeners}, ignore) == nil {
		return d, MethodTwoDumps, err
	}
	_ = d.close() // the error that matters is why there is no dump
	return nil, "", err
}

func ignore(uint16, uint8, netip.Addr) {}

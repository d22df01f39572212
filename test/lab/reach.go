package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Outcome is what became of an attempt to reach a listener of the lab.
type Outcome string

// The outcomes.
const (
	Open        Outcome = "open"        // connected, and the listener greeted
	Refused     Outcome = "refused"     // answered at once with a reset or an ICMP error
	Hidden      Outcome = "hidden"      // no answer in the time given
	Unreachable Outcome = "unreachable" // no route or no neighbour: the lab is wired wrongly
)

// Reach connects from the host by real TCP and waits for the greeting.
func (h *Host) Reach(ctx context.Context, to netip.AddrPort, timeout time.Duration) Outcome {
	_, outcome := h.Greeting(ctx, to, timeout)
	return outcome
}

// Greeting is Reach that also tells who answered: the listener's "HOST PORT", empty unless the outcome is Open.
func (h *Host) Greeting(ctx context.Context, to netip.AddrPort, timeout time.Duration) (who string, outcome Outcome) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := h.Dial(ctx, to)
	if err != nil {
		return "", OutcomeOf(err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // fails on a closed connection only, as the read then does
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", OutcomeOf(err)
	}
	return strings.TrimPrefix(strings.TrimSpace(line), "hello "), Open
}

// OutcomeOf says what an error of a connection means.
func OutcomeOf(err error) Outcome {
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
		return Refused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.ETIMEDOUT):
		return Hidden
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return Unreachable
	}
	return Outcome(fmt.Sprint("failed: ", err))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/agent"
	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/status"
)

func newPauseCommand(p *paths) *cobra.Command {
	var o output
	var request status.PauseRequest
	cmd := &cobra.Command{
		Use:   "pause --for TIME --why REASON",
		Short: "Let everything in for a while; the rules come back by themselves",
		Long: `Takes the rules out of the kernel until the time is over; "apply" ends it before. It works with a corrupt store, and on a
daemon that hangs: that one is killed, and what systemd starts in its place begins with the pause.`,
		Example: `  nakama-warden pause --for 30m --why "players cannot log in, is it us?"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := agent.CheckPause(request); err != nil {
				return err
			}
			paused, err := pause(cmd.Context(), p, request)
			if err != nil {
				return err
			}
			return o.print(paused, func(w io.Writer, s text.Style) error { return text.Applied(w, s, paused) })
		},
	}
	o.flag(cmd)
	cmd.Flags().DurationVar(&request.For, "for", 30*time.Minute, "how `long`, at most 24h")
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason`, for the events (needed)")
	return cmd
}

const (
	// hungAfter is how long a daemon may take to answer before it counts as hung.
	hungAfter = 5 * time.Second
	// successorWithin is how long what systemd starts in its place may take.
	successorWithin = 20 * time.Second
)

func pause(ctx context.Context, p *paths, request status.PauseRequest) (status.Applied, error) {
	b, err := p.backend()
	if err != nil {
		return status.Applied{}, err
	}
	asked, cancel := context.WithTimeout(ctx, hungAfter)
	defer cancel()
	paused, err := b.Pause(asked, request)
	client, running := b.(*control.Client)
	switch {
	case !running || ctx.Err() != nil:
		return paused, err
	case errors.Is(err, control.ErrNoDaemon): // it ended before it answered: systemd's watchdog was first
		return pauseHung(ctx, p, 0, request)
	case err != nil && asked.Err() != nil:
		return pauseHung(ctx, p, client.DaemonPID(), request)
	}
	return paused, err
}

// pauseHung kills a daemon that does not answer (pid 0: it is gone) and has its successor, or this process, take the
// rules out.
func pauseHung(ctx context.Context, p *paths, pid int, request status.PauseRequest) (status.Applied, error) {
	paused := status.Pause{Until: time.Now().Add(request.For), Why: request.Why, By: agent.Self()}
	if err := agent.WritePause(p.state, paused); err != nil {
		return status.Applied{}, err
	}
	if pid > 0 {
		fmt.Fprintf(os.Stderr, "the daemon (pid %d) has not answered for %s: it is killed\n", pid, hungAfter)
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return status.Applied{}, fmt.Errorf("kill the hung daemon: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, successorWithin)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := pausedNow(ctx, p)
		if err == nil {
			return status.Applied{Changes: []string{}, Summary: agent.PauseText(&paused)}, nil
		}
		select {
		case <-ctx.Done():
			return status.Applied{}, fmt.Errorf("the rules are still in the kernel: %w", err)
		case <-ticker.C:
		}
	}
}

// pausedNow is nil if a successor began with the pause, or if there is none and the rules are out.
func pausedNow(ctx context.Context, p *paths) error {
	b, err := p.backend()
	if err != nil {
		return err
	}
	if _, running := b.(*control.Client); !running {
		_, err := b.Remove(ctx, status.RemoveRequest{}) // fails while systemd keeps the owning socket for a successor
		return err
	}
	host, err := b.Status(ctx)
	if err == nil && host.Firewall.State != enforcer.StatePaused {
		err = fmt.Errorf("the daemon is %s", host.Firewall.State)
	}
	return err
}

func newRevokeCommand(p *paths) *cobra.Command {
	var o output
	var request status.RevokeRequest
	cmd := &cobra.Command{
		Use:   "revoke ADDRESS",
		Short: "Cut an address or prefix off at once, out of every group, whatever the sources say",
		Long: `The address leaves every group at once and its open connections to guarded services end. It stays out, also over restarts,
until "revoke --undo ADDRESS". Services that are open to anyone stay open to it.`,
		Example: `  nakama-warden revoke 10.0.1.13 --why "compromised"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix, err := parsePrefix(args[0])
			if err != nil {
				return err
			}
			request.Prefix = prefix
			b, err := p.backend()
			if err != nil {
				return err
			}
			revoked, err := b.Revoke(cmd.Context(), request)
			if err != nil {
				return err
			}
			return o.print(revoked, func(w io.Writer, s text.Style) error { return text.Applied(w, s, revoked) })
		},
	}
	o.flag(cmd)
	cmd.Flags().BoolVar(&request.Undo, "undo", false, "let it back in")
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason`, for the events")
	return cmd
}

func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("ADDRESS %q is neither an address nor a prefix; want 10.0.1.13 or 10.0.1.0/24", s)
	}
	return prefix, nil
}

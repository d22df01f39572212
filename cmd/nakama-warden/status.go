package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newStatusCommand(p *paths) *cobra.Command {
	var o output
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What is known about this host: is it safe, and what needs you",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch {
				return watchStatus(cmd.Context(), p, &o)
			}
			return printStatus(cmd.Context(), p, &o)
		},
	}
	o.flag(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every second until interrupted")
	return cmd
}

func printStatus(ctx context.Context, p *paths, o *output) error {
	host, err := text.Await(os.Stderr, "asking for the status", func() (status.Host, error) { return askStatus(ctx, p) })
	if err != nil {
		return err
	}
	return o.print(host, func(w io.Writer, s text.Style) error { return text.Host(w, s, host) })
}

func askStatus(ctx context.Context, p *paths) (status.Host, error) {
	b, err := p.backend() // anew each time: a daemon may come and go
	if err != nil {
		return status.Host{}, err
	}
	return b.Status(ctx)
}

func newExplainCommand(p *paths) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "explain SOURCE PORT",
		Short:   "Would this address reach this port, and why",
		Example: "  nakama-warden explain 203.0.113.7 7351",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := netip.ParseAddr(args[0])
			if err != nil {
				return fmt.Errorf("SOURCE %q is no address; want one such as 203.0.113.7 or 2001:db8::7", args[0])
			}
			port, err := strconv.ParseUint(args[1], 10, 16)
			if err != nil || port == 0 {
				return fmt.Errorf("PORT %q is no port; want a number from 1 to 65535", args[1])
			}
			b, err := p.backend()
			if err != nil {
				return err
			}
			e, err := text.Await(os.Stderr, "looking at who may reach what", func() (status.Explanation, error) {
				return b.Explain(cmd.Context(), source, uint16(port))
			})
			if err != nil {
				return err
			}
			return o.print(e, func(w io.Writer, s text.Style) error { return text.Explanation(w, s, e) })
		},
	}
	o.flag(cmd)
	return cmd
}

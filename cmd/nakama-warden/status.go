package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
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
	b, err := p.backend()
	if err != nil {
		return err
	}
	host, err := b.Status(ctx)
	if err != nil {
		return err
	}
	return o.print(host, func(w io.Writer, s text.Style) error {
		// In one write, so that a watched screen does not flicker.
		var page bytes.Buffer
		if err := text.Host(&page, s, host); err != nil {
			return err
		}
		_, err := page.WriteTo(w)
		return err
	})
}

// The sequences that put the cursor at the top left, and clear what is below it.
const (
	cursorHome = "\x1b[H"
	clearBelow = "\x1b[J"
)

func watchStatus(ctx context.Context, p *paths, o *output) error {
	onTerminal := o.format == "text" && text.StyleFor(os.Stdout).Width > 0
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	if onTerminal {
		fmt.Print(cursorHome, clearBelow)
	}
	for {
		if onTerminal {
			fmt.Print(cursorHome)
		}
		if err := printStatus(ctx, p, o); err != nil {
			return err
		}
		if onTerminal {
			fmt.Print(clearBelow)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
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
			e, err := b.Explain(cmd.Context(), source, uint16(port))
			if err != nil {
				return err
			}
			return o.print(e, func(w io.Writer, s text.Style) error { return text.Explanation(w, s, e) })
		},
	}
	o.flag(cmd)
	return cmd
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newApplyCommand(p *paths) *cobra.Command {
	var o output
	var request status.ApplyRequest
	var group string
	var confirm, yes bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Put the configuration into the kernel now",
		Long: `A running daemon reads its configuration again and puts it into the kernel, after remove and in a pause too. Without a
daemon the rules are put there once and nobody repairs them.

With --revert-after, what was in force before comes back by itself unless the change is kept within that time: for changes
that could cut off whoever makes them. On a terminal it asks whether to keep it; elsewhere "apply --confirm" does.`,
		Example: `  nakama-warden apply --revert-after 60s --why "hide the console"
  nakama-warden apply --confirm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.reader(cmd)
			if err != nil {
				return err
			}
			var applied status.Applied
			switch {
			case confirm:
				applied, err = working("keeping the change", func() (status.Applied, error) { return b.Confirm(cmd.Context()) })
			case group != "":
				applied, err = working("letting them go", func() (status.Applied, error) { return b.AcceptShrink(cmd.Context(), group) })
			default:
				if err := confirmCuts(cmd.Context(), b, yes); err != nil {
					return err
				}
				applied, err = working("putting the policy into the kernel", func() (status.Applied, error) { return b.Apply(cmd.Context(), request) })
			}
			if err != nil {
				return err
			}
			if err := o.print(applied, func(w io.Writer, s text.Style) error { return text.Applied(w, s, applied) }); err != nil {
				return err
			}
			if request.RevertAfter > 0 && attended() {
				return keep(cmd.Context(), b, request.RevertAfter)
			}
			return nil
		},
	}
	o.flag(cmd)
	cmd.Flags().DurationVar(&request.RevertAfter, "revert-after", 0, "take the change back after this `time` unless it is confirmed")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before open connections are cut")
	cmd.Flags().BoolVar(&confirm, "confirm", false, "keep a change that would be taken back")
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason`, for the events")
	cmd.Flags().StringVar(&group, "accept-shrink", "", "let the held addresses of this `group` go")
	cmd.MarkFlagsMutuallyExclusive("confirm", "revert-after", "accept-shrink")
	return cmd
}

// working has a change made, and tells a person who waits for it what it is.
func working(what string, change func() (status.Applied, error)) (status.Applied, error) {
	return text.Await(os.Stderr, what, change)
}

// confirmCuts asks before open connections are cut: on a terminal the person, elsewhere for --yes.
func confirmCuts(ctx context.Context, b control.Backend, yes bool) error {
	if yes {
		return nil
	}
	plan, err := text.Await(os.Stderr, "comparing the policy with the kernel", func() (status.Plan, error) { return b.Plan(ctx, status.PlanRequest{}) })
	if err != nil {
		return err
	}
	if len(plan.Cuts) == 0 {
		return nil
	}
	cuts := status.Plan{Changes: plan.Changes, Cuts: plan.Cuts}
	if err := text.Plan(os.Stderr, text.StyleFor(os.Stderr), cuts); err != nil {
		return err
	}
	if !attended() {
		return fmt.Errorf("this would cut the open connections of %d sources: give --yes if that is meant", len(plan.Cuts))
	}
	if !ask(ctx, ownTerminal, "Cut these connections?") {
		return errors.New("nothing was changed")
	}
	return nil
}

func newRemoveCommand(p *paths) *cobra.Command {
	var o output
	var request status.RemoveRequest
	cmd := &cobra.Command{
		Use:   "remove",
		Short: "Take the rules out of the kernel, until apply or a restart of the daemon",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.backend()
			if err != nil {
				return err
			}
			removed, err := working("taking the rules out of the kernel", func() (status.Applied, error) { return b.Remove(cmd.Context(), request) })
			if err != nil {
				return err
			}
			return o.print(removed, func(w io.Writer, s text.Style) error { return text.Applied(w, s, removed) })
		},
	}
	o.flag(cmd)
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason`, for the events")
	return cmd
}

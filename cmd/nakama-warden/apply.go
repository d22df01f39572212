package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newPlanCommand(p *paths) *cobra.Command {
	var o output
	var request status.PlanRequest
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "What apply would change in the kernel: exit 0 nothing, 2 something",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.backend()
			if err != nil {
				return err
			}
			plan, err := b.Plan(cmd.Context(), request)
			if err != nil {
				return err
			}
			if err := o.print(plan, func(w io.Writer, s text.Style) error { return text.Plan(w, s, plan) }); err != nil {
				return err
			}
			if len(plan.Changes) > 0 {
				return exitStatus(exitChanges)
			}
			return nil
		},
	}
	o.flag(cmd)
	return cmd
}

func newApplyCommand(p *paths) *cobra.Command {
	var o output
	var request status.ApplyRequest
	var group string
	var confirm bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Put the configuration into the kernel now",
		Long: `A running daemon reads its configuration again and puts it into the kernel, after remove and in a pause too. Without a
daemon the rules are put there once and nobody repairs them.

With --revert-after, what was in force before comes back by itself unless "apply --confirm" is given within that time:
for changes that could cut off whoever makes them.`,
		Example: `  nakama-warden apply --revert-after 60s --why "hide the console"
  nakama-warden apply --confirm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.backend()
			if err != nil {
				return err
			}
			var applied status.Applied
			switch {
			case confirm:
				applied, err = b.Confirm(cmd.Context())
			case group != "":
				applied, err = b.AcceptShrink(cmd.Context(), group)
			default:
				applied, err = b.Apply(cmd.Context(), request)
			}
			if err != nil {
				return err
			}
			return o.print(applied, func(w io.Writer, s text.Style) error { return text.Applied(w, s, applied) })
		},
	}
	o.flag(cmd)
	cmd.Flags().DurationVar(&request.RevertAfter, "revert-after", 0, "take the change back after this `time` unless it is confirmed")
	cmd.Flags().BoolVar(&confirm, "confirm", false, "keep a change that would be taken back")
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason`, for the events")
	cmd.Flags().StringVar(&group, "accept-shrink", "", "let the held addresses of this `group` go")
	cmd.MarkFlagsMutuallyExclusive("confirm", "revert-after", "accept-shrink")
	return cmd
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
			removed, err := b.Remove(cmd.Context(), request)
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

package main

import (
	"io"
	"os"
	"time"

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
		Long: `Compares the configuration with the kernel and changes nothing. Open connections that would be cut are listed too.

With --enforce it answers whether audit may become enforce: it lists who was let in by audit within 30 days and would be
refused, and exits with 3 if any of them was seen in the last 7 days.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.reader(cmd)
			if err != nil {
				return err
			}
			plan, err := text.Await(os.Stderr, "comparing the policy with the kernel", func() (status.Plan, error) {
				return b.Plan(cmd.Context(), request)
			})
			if err != nil {
				return err
			}
			recent := recentlyAudited(plan, time.Now())
			if err := o.print(plan, func(w io.Writer, s text.Style) error {
				if request.Enforce {
					return text.PlanToEnforce(w, s, plan, recent)
				}
				return text.Plan(w, s, plan)
			}); err != nil {
				return err
			}
			return planStatus(plan, recent)
		},
	}
	o.flag(cmd)
	cmd.Flags().BoolVar(&request.Enforce, "enforce", false, "as if every service were enforced: who was let in by audit and would be refused; exit 3 if any of the last 7 days")
	return cmd
}

// recentAudit is how far back somebody whom audit let in stands in the way of enforcing.
const recentAudit = 7 * 24 * time.Hour

func recentlyAudited(plan status.Plan, now time.Time) int {
	n := 0
	for _, c := range plan.Audited {
		if c.Last.After(now.Add(-recentAudit)) {
			n++
		}
	}
	return n
}

// planStatus is the exit status of a plan. Somebody who would be turned away goes before a change.
func planStatus(plan status.Plan, recent int) error {
	if recent > 0 {
		return exitStatus(exitRefusals)
	}
	if len(plan.Changes) > 0 {
		return exitStatus(exitChanges)
	}
	return nil
}

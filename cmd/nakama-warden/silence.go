package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

func newSilenceCommand(p *paths) *cobra.Command {
	var o output
	var request status.SilenceRequest
	cmd := &cobra.Command{
		Use:   "silence CONDITION|all --for TIME --why REASON",
		Short: "Keep a condition from being told to anybody for a while",
		Long: `Nobody is told of the condition until the time is over; if it still holds then, they are. It stays visible in status, metrics and
events, and ends by itself. "silence --end ID" ends one before; "status" lists them.`,
		Example: `  nakama-warden silence ProvisionBelowTarget --for 48h --why "the larger hosts come on Thursday"
  nakama-warden silence --end s3`,
		Args: func(_ *cobra.Command, args []string) error {
			if want := 1; request.End == "" && len(args) != want {
				return fmt.Errorf("which condition? want one name, such as ProvisionBelowTarget, or all")
			} else if request.End != "" && len(args) > 0 {
				return fmt.Errorf("--end takes the ID of a silence, and no condition")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(conditionNames(), alerting.All), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				request.Condition = args[0]
			}
			return silenced(p, &o, func(b control.Backend) (status.Silenced, error) { return b.Silence(cmd.Context(), request) })
		},
	}
	o.flag(cmd)
	cmd.Flags().DurationVar(&request.For, "for", 2*time.Hour, "how `long`, at most 30 days")
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason`, for those who wonder why nobody was told (needed)")
	cmd.Flags().StringVar(&request.End, "end", "", "end the silence of this `ID`")
	return cmd
}

func conditionNames() []string {
	var names []string
	for _, c := range alerting.Catalogue() {
		names = append(names, c.Name)
	}
	return names
}

func newMaintenanceCommand(p *paths) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maintenance",
		Short: "Keep what is about availability from being told while somebody works on this host",
		Long: `During a maintenance nobody is told that a service is down or was restarted. What is about the fence is told all the same: a
maintenance must not open the database unseen.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(newMaintenanceStartCommand(p), newMaintenanceEndCommand(p))
	return cmd
}

func newMaintenanceStartCommand(p *paths) *cobra.Command {
	var o output
	var request status.MaintenanceRequest
	cmd := &cobra.Command{
		Use:     "start --for TIME --why REASON",
		Short:   "Begin a maintenance; it ends by itself",
		Example: `  nakama-warden maintenance start --for 1h --why "Nakama 3.31"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return silenced(p, &o, func(b control.Backend) (status.Silenced, error) { return b.Maintenance(cmd.Context(), request) })
		},
	}
	o.flag(cmd)
	cmd.Flags().DurationVar(&request.For, "for", time.Hour, "how `long`, at most 30 days")
	cmd.Flags().StringVar(&request.Why, "why", "", "the `reason` (needed)")
	return cmd
}

func newMaintenanceEndCommand(p *paths) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "end",
		Short: "End the maintenance",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return silenced(p, &o, func(b control.Backend) (status.Silenced, error) {
				return b.Maintenance(cmd.Context(), status.MaintenanceRequest{End: true})
			})
		},
	}
	o.flag(cmd)
	return cmd
}

// silenced has a backend change what is silent, and prints what is then.
func silenced(p *paths, o *output, change func(control.Backend) (status.Silenced, error)) error {
	b, err := p.backend()
	if err != nil {
		return err
	}
	s, err := change(b)
	if err != nil {
		return err
	}
	return o.print(s, func(w io.Writer, style text.Style) error { return text.Silenced(w, style, s) })
}

func newAlertTestCommand(p *paths) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "alert-test",
		Short: "Send a test alert through every receiver and print what each answered",
		Long:  `The alert is called NakamaWardenTest, severity info, and says that it is a test. Exit code 1 if a receiver did not take it.`,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return testAlert(cmd.Context(), p, &o) },
	}
	o.flag(cmd)
	return cmd
}

func testAlert(ctx context.Context, p *paths, o *output) error {
	b, err := p.backend()
	if err != nil {
		return err
	}
	tests, err := text.Await(os.Stderr, "asking the receivers", func() ([]status.ReceiverTest, error) { return b.TestAlert(ctx) })
	if err != nil {
		return err
	}
	if err := o.print(tests, func(w io.Writer, s text.Style) error { return text.ReceiverTests(w, s, tests) }); err != nil {
		return err
	}
	for _, t := range tests {
		if !t.OK {
			return exitStatus(1)
		}
	}
	return nil
}

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/dashboards"
)

func newExportDashboardsCommand(p *paths) *cobra.Command {
	var o dashboards.Options
	var dir, seen string
	cmd := &cobra.Command{
		Use:   "dashboards",
		Short: "Write Grafana's dashboards into a folder, with what provisions them",
		Long: `Writes five dashboards for Grafana 9.3 or newer, and provisioning.yaml, which makes Grafana load them from that folder when it is
in provisioning/dashboards. Overrides of the configuration hold in the panels too. The panels read what ` + "`export rules`" + ` records.`,
		Example: `  nakama-warden export dashboards --dir /var/lib/grafana/nakama-warden
  nakama-warden export dashboards --dir ./dashboards --path /etc/dashboards --cluster-label region`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.exported(cmd)
			if err != nil {
				return err
			}
			o.Conditions, o.Overprovision = shown(cfg.Alerting), cfg.Capacity.Overprovision
			all, err := dashboards.Build(o)
			if err != nil {
				return err
			}
			if seen == "" {
				if seen, err = filepath.Abs(dir); err != nil {
					return fmt.Errorf("--dir: %w", err)
				}
			}
			return writeDashboards(dir, seen, all)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the `folder` to write into")
	cmd.Flags().StringVar(&seen, "path", "", "that `folder` as Grafana sees it, where it sees it elsewhere (default: --dir)")
	cmd.Flags().StringVar(&o.ClusterLabel, "cluster-label", "cluster", "the `label` that tells clusters apart")
	cmd.Flags().StringVar(&o.RunbookBase, "runbook-base", rules.DefaultRunbookBase, "the `URL` of the folder of runbooks")
	_ = cmd.MarkFlagRequired("dir") // an error means that there is no such flag
	return cmd
}

// shown are the conditions as dashboards show them.
func shown(a config.Alerting) []dashboards.Condition {
	var all []dashboards.Condition
	for _, c := range overridden(a) {
		all = append(all, dashboards.Condition{Name: c.Name, Severity: c.Severity, For: c.For, Threshold: c.Threshold})
	}
	return all
}

func writeDashboards(dir, seen string, all []dashboards.Dashboard) error {
	files := map[string][]byte{}
	for _, d := range all {
		text, err := d.JSON()
		if err != nil {
			return err
		}
		files[d.File()] = text
	}
	provider, err := dashboards.Provider(seen)
	if err != nil {
		return err
	}
	files[dashboards.ProviderFile] = provider
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { // Grafana reads it as another user
			return fmt.Errorf("--dir: %w", err)
		}
	}
	return nil
}

// recorded adds what the dashboards read to a rule file.
func recorded(file rules.File, o rules.Options) rules.File {
	group := rules.Group{Name: "nakama-warden-dashboards", Interval: dashboards.RecordEvery}
	for _, r := range dashboards.Recordings(o.Selector, o.ClusterLabel) {
		group.Rules = append(group.Rules, rules.Rule{Record: r.Name, Expr: r.Expr})
	}
	file.Groups = append(file.Groups, group)
	return file
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/alerting"
	"github.com/nakama-warden/nakama-warden/alerting/rules"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// scrapeJob is the job of the agents, which selects their series.
const scrapeJob = "nakama-warden"

func newExportCommand(p *paths) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "What Prometheus and Grafana need to watch the fleet: rules, a scrape configuration, dashboards",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newExportRulesCommand(p), newExportScrapeConfigCommand(p), newExportDashboardsCommand(p))
	return cmd
}

func newExportRulesCommand(p *paths) *cobra.Command {
	o := defaultRules()
	var path string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Print alerting and recording rules for Prometheus 2.42 or newer",
		Long: `Prints a rule file with every condition of a host and of the fleet, for shops that alert from Prometheus. Overrides and
hold times of the configuration hold in the rules too, and so do capacity.overprovision and capacity.spare_nodes; where there is
no configuration, the rules are the defaults. What the dashboards read is recorded too. Load the file by rule_files.`,
		Example: `  nakama-warden export rules --output /etc/prometheus/rules/nakama-warden.yml
  nakama-warden export rules --selector 'job="warden",env="prod"' --cluster-label region`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.exported(cmd)
			if err != nil {
				return err
			}
			text, err := ruleFile(o, cfg)
			if err != nil {
				return err
			}
			return writeExport(cmd, path, text)
		},
	}
	cmd.Flags().StringVar(&o.Selector, "selector", o.Selector, "label `matchers` of the agents' series; empty: none")
	cmd.Flags().StringVar(&o.ClusterLabel, "cluster-label", o.ClusterLabel, "the `label` that tells clusters apart; hosts without it are one cluster")
	cmd.Flags().StringVar(&o.RunbookBase, "runbook-base", o.RunbookBase, "the `URL` of the folder of runbooks")
	cmd.Flags().StringVar(&path, "output", "", "write into a `file`")
	return cmd
}

// defaultRules are those that nobody asked to be otherwise.
func defaultRules() rules.Options {
	return rules.Options{Selector: fmt.Sprintf("job=%q", scrapeJob), ClusterLabel: "cluster", RunbookBase: rules.DefaultRunbookBase}
}

// ruleFile is what Prometheus loads, with what a configuration says of conditions and capacity.
func ruleFile(o rules.Options, cfg *config.Config) ([]byte, error) {
	o.Conditions = overridden(cfg.Alerting)
	o.HoldScale, o.SpareNodes, o.Overprovision = cfg.Alerting.HoldScale, cfg.Capacity.SpareNodes, cfg.Capacity.Overprovision
	file, err := rules.Build(o)
	if err != nil {
		return nil, err
	}
	return recorded(file, o).YAML()
}

func newExportScrapeConfigCommand(p *paths) *cobra.Command {
	var inventories []string
	var clusterLabel, path string
	cmd := &cobra.Command{
		Use:   "scrape-config",
		Short: "Print a scrape configuration for Prometheus, with the hosts of the fleet",
		Long: `Prints a scrape_configs section. Its targets are the hosts of the groups nakama and cockroachdb in the configuration (static
addresses, file_sd files), or those of an inventory that speaks Prometheus' http_sd (--http-sd). Where alerting.labels has the
cluster's label, targets that have none get it. Load it by scrape_config_files (2.43 or newer), or copy the job.`,
		Example: `  nakama-warden export scrape-config --config /etc/nakama-warden/config.yaml
  nakama-warden export scrape-config --http-sd https://inventory.internal/prometheus`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.exported(cmd)
			if err != nil {
				return err
			}
			job, err := newScrape(cfg, inventories, clusterLabel)
			if err != nil {
				return err
			}
			text, err := yaml.Marshal(map[string][]scrape{"scrape_configs": {job}})
			if err != nil {
				return err
			}
			return writeExport(cmd, path, text)
		},
	}
	cmd.Flags().StringArrayVar(&inventories, "http-sd", nil, "take the targets from a `URL` instead; repeatable")
	cmd.Flags().StringVar(&clusterLabel, "cluster-label", "cluster", "the `label` that tells clusters apart")
	cmd.Flags().StringVar(&path, "output", "", "write into a `file`")
	return cmd
}

// exported is the configuration that an export follows. Exports are made on other machines too, which have none: it must be
// there only where it was asked for.
func (p *paths) exported(cmd *cobra.Command) (*config.Config, error) {
	cfg, err := config.Load(p.config)
	if errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config") {
		return config.Default(), nil
	}
	return cfg, err
}

// overridden are the conditions as the operator wants them.
func overridden(a config.Alerting) []rules.Condition {
	all := rules.FleetConditions()
	for _, d := range alerting.Catalogue() {
		all = append(all, rules.Condition(d))
	}
	var wanted []rules.Condition
	for _, c := range all {
		o := a.Overrides[c.Name]
		if o.Enabled != nil && !*o.Enabled {
			continue
		}
		if o.Severity != "" {
			c.Severity = o.Severity
		}
		if o.For != nil {
			c.For = *o.For
		}
		if o.Threshold != nil && *o.Threshold > 0 {
			c.Threshold = *o.Threshold
		}
		wanted = append(wanted, c)
	}
	return wanted
}

func writeExport(cmd *cobra.Command, path string, text []byte) error {
	if path == "" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	if err := os.WriteFile(path, text, 0o644); err != nil { // Prometheus reads it as another user
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// scrape is a job of Prometheus, as far as it is needed here.
type scrape struct {
	JobName string      `yaml:"job_name"`
	Static  []discovery `yaml:"static_configs,omitempty"`
	Files   []discovery `yaml:"file_sd_configs,omitempty"`
	HTTP    []discovery `yaml:"http_sd_configs,omitempty"`
	Relabel []relabel   `yaml:"relabel_configs,omitempty"`
}

// discovery is one place where targets come from.
type discovery struct {
	Targets []string `yaml:"targets,omitempty"`
	Files   []string `yaml:"files,omitempty"`
	URL     string   `yaml:"url,omitempty"`
}

type relabel struct {
	SourceLabels []string `yaml:"source_labels,omitempty,flow"`
	Regex        string   `yaml:"regex"`
	TargetLabel  string   `yaml:"target_label,omitempty"`
	Replacement  string   `yaml:"replacement,omitempty"`
	Action       string   `yaml:"action,omitempty"`
}

func newScrape(cfg *config.Config, inventories []string, clusterLabel string) (scrape, error) {
	job := scrape{JobName: scrapeJob}
	_, port, err := net.SplitHostPort(cfg.Web.Listen)
	if err != nil {
		return job, fmt.Errorf("web.listen: %w", err)
	}
	for _, url := range inventories {
		job.HTTP = append(job.HTTP, discovery{URL: url})
	}
	if len(inventories) == 0 {
		job.fromFleet(cfg, port)
	}
	if len(job.Static)+len(job.Files)+len(job.HTTP) == 0 {
		return job, errors.New("no hosts are known: want addresses or files in fleet.nakama or fleet.cockroachdb of --config FILE, or --http-sd URL")
	}
	if len(job.Files)+len(job.HTTP) > 0 {
		job.Relabel = atPort(port)
	}
	if cluster := cfg.Alerting.Labels[clusterLabel]; cluster != "" {
		job.Relabel = append(job.Relabel, relabel{SourceLabels: []string{clusterLabel}, Regex: "^$", TargetLabel: clusterLabel,
			Replacement: strings.ReplaceAll(cluster, "$", "$$")})
	}
	return job, nil
}

// fromFleet takes hosts and not networks: nobody can be scraped by a prefix.
func (s *scrape) fromFleet(cfg *config.Config, port string) {
	var targets, files []string
	for _, group := range []string{policy.GroupNakama, policy.GroupCockroachDB} {
		for _, prefix := range cfg.Fleet[group].Static {
			if prefix.IsSingleIP() {
				targets = append(targets, net.JoinHostPort(prefix.Addr().String(), port))
			}
		}
		files = append(files, cfg.Fleet[group].Files...)
	}
	// A host with both roles is one target.
	slices.Sort(targets)
	slices.Sort(files)
	if len(targets) > 0 {
		s.Static = []discovery{{Targets: slices.Compact(targets)}}
	}
	if len(files) > 0 {
		s.Files = []discovery{{Files: slices.Compact(files)}}
	}
}

// atPort leads to the agent of a host whose inventory names another port, or none. Networks are not hosts.
func atPort(port string) []relabel {
	address := []string{"__address__"}
	return []relabel{
		{SourceLabels: address, Regex: `.*/.*`, Action: "drop"},
		{SourceLabels: address, Regex: `([^\[\]:]*:[^\[\]:]*:[^\[\]]*)`, TargetLabel: "__address__", Replacement: "[$1]"}, // IPv6 without a port
		{SourceLabels: address, Regex: `(\[.+\]|[^:]+)(:\d+)?`, TargetLabel: "__address__", Replacement: "${1}:" + port},
	}
}

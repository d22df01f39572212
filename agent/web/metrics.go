package web

import (
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nakama-warden/nakama-warden/status"
)

// metrics serves a registry of its own: the default one collects what libraries leave in it.
func metrics(o Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister( // fails only on two descriptions of one metric, which any scrape in a test shows
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{host: o.Host, version: o.Version},
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		// One bad series must not blind the on-call engineer to all others.
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(o.Log.Handler(), slog.LevelError),
	})
}

// collector makes metrics of one snapshot per scrape, so that all series of a scrape agree.
type collector struct {
	host    func() status.Host
	version string
}

var (
	buildInfo       = describe("build_info", "The build of this agent; the value is always 1.", "version", "goversion")
	hostInfo        = describe("host_info", "The host as configured; the value is always 1.", "environment", "mode", "grip")
	hostRoleInfo    = describe("host_role_info", "A role of the host; the value is always 1.", "role")
	serviceInfo     = describe("service_info", "A guarded port of a service; the value is always 1.", "service", "port")
	reloadOK        = describe("config_last_reload_successful", "Whether the configuration file on disk is in force.")
	reloadTime      = describe("config_last_reload_success_timestamp_seconds", "When a configuration was last taken over.")
	enforced        = describe("firewall_enforced", "Whether the service is enforced, as read back from the kernel.", "service")
	lastVerified    = describe("firewall_last_verified_timestamp_seconds", "When the rules were last read back and found right.")
	policyInfo      = describe("firewall_policy_info", "The declared policy in force; the value is always 1.", "hash")
	packets         = describe("firewall_packets_total", "Packets by the firewall's verdict.", "service", "verdict")
	volume          = describe("firewall_bytes_total", "Bytes of packets by the firewall's verdict.", "service", "verdict")
	refusedSources  = describe("refused_sources", "Sources that are remembered as refused, or as let in by audit.", "service")
	connections     = describe("connections", "Connections that hold memory, by state.", "service", "unit", "state")
	sessions        = describe("sessions", "Sessions, as Nakama says; up to a minute old.", "unit")
	presences       = describe("presences", "Presences, as Nakama says; up to a minute old.", "unit")
	memory          = describe("service_memory_bytes", "Memory in use, by kind.", "service", "unit", "kind")
	memoryCeiling   = describe("service_memory_ceiling_bytes", "What the memory of today's load may rise to without one more connection.", "unit")
	memoryLimit     = describe("memory_limit_bytes", "The memory limit that binds.", "unit", "source")
	capacityFits    = describe("capacity_connections", "Connections that fit into a resource with 90 % certainty.", "unit", "resource")
	capacityKnown   = describe("capacity_known", "Whether enough was seen to know how many connections fit.", "unit")
	capacityPer     = describe("capacity_bytes_per_connection", "What one more connection costs.", "unit")
	provision       = describe("provision_ratio", "Connections that fit, beside the largest load of the peak window.", "unit")
	provisionTarget = describe("provision_target_ratio", "The provision ratio that is wanted.")
	exhaustion      = describe("memory_exhaustion_timestamp_seconds", "When the load is forecast to meet what fits; absent while it is not.", "unit")
	drifts          = describe("firewall_drift_total", "Changes by others to the firewall that were put right.", "kind")
	repairs         = describe("firewall_repair_seconds", "Time from noticing a drift to its repair.")
	rosterAddresses = describe("roster_addresses", "Prefixes of the group after coalescing.", "group")
	rosterSourceUp  = describe("roster_source_up", "Whether the source of the group answered last time.", "group", "source")
	rosterSuccess   = describe("roster_last_success_timestamp_seconds", "When every source of the group last answered.", "group")
	conditionActive = describe("condition_active", "Whether the condition holds now, of anything on this host.", "condition", "severity")
	alerts          = describe("alerts", "Alerts by state; silenced ones fire too.", "state")
	maintenance     = describe("maintenance", "Whether a maintenance lasts.")
	notifications   = describe("notifications_total", "Alerts by what their delivery came to; failed counts attempts.", "receiver", "result")
	outboxLength    = describe("outbox_length", "Alerts that wait for a receiver.")
	events          = describe("events_total", "Events told.", "kind")
	eventsDropped   = describe("events_dropped_total", "Events that a sink lost.", "sink")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("nakama_warden_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{buildInfo, hostInfo, hostRoleInfo, serviceInfo, reloadOK, reloadTime, enforced,
		lastVerified, policyInfo, packets, volume, refusedSources, connections, sessions,
		presences, memory, memoryCeiling, memoryLimit, capacityFits, capacityKnown, capacityPer, provision, provisionTarget,
		exhaustion, drifts, repairs, rosterAddresses, rosterSourceUp, rosterSuccess,
		conditionActive, alerts, maintenance, notifications, outboxLength, events, eventsDropped} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	host := c.host()
	s := series{to}
	s.gauge(buildInfo, 1, c.version, runtime.Version())
	s.gauge(hostInfo, 1, host.Environment, host.Firewall.Mode, host.Firewall.Grip)
	for _, role := range host.Roles {
		s.gauge(hostRoleInfo, 1, role)
	}
	s.config(host.Config)
	s.firewall(host.Firewall)
	for _, service := range host.Services {
		s.service(service)
		if host.Firewall.Refusals == "" { // else it is not known
			s.gauge(refusedSources, float64(service.RefusedSources), service.Name)
		}
	}
	for _, group := range host.Roster {
		s.group(group)
	}
	if host.Sample != nil {
		for _, unit := range host.Sample.Units {
			s.unit(unit)
		}
		s.target(host.Sample.Units)
	}
	s.alerting(host)
	s.counts(events, host.Agent.Events)
	dropped := map[string]uint64{"firewall": host.Firewall.EventsLost}
	maps.Copy(dropped, host.Agent.EventsDropped)
	s.counts(eventsDropped, dropped)
}

// series writes metrics. What is unknown is not written: an absent series cannot be mistaken for a zero.
type series struct{ to chan<- prometheus.Metric }

func (s series) config(c status.Config) {
	loadedOnce := c.LastReloadOK || c.Problem != "" || !c.LastReload.IsZero()
	if loadedOnce {
		s.gauge(reloadOK, number(c.LastReloadOK))
	}
	s.time(reloadTime, c.LastReload)
}

func (s series) firewall(f status.Firewall) {
	s.time(lastVerified, f.LastVerified)
	if f.PolicyHash != "" {
		s.gauge(policyInfo, 1, f.PolicyHash)
	}
	// A counter that begins with its first drift hides that drift from increase(): every kind begins with 0.
	kinds := map[string]uint64{"table": 0, "chain": 0, "rule": 0, "set": 0, "element": 0, "counter": 0, "object": 0, "flags": 0}
	maps.Copy(kinds, f.Drifts)
	s.counts(drifts, kinds)
	s.histogram(repairs, f.Repairs)
}

func (s series) service(v status.Service) {
	for _, port := range v.Ports {
		s.gauge(serviceInfo, 1, v.Name, strconv.Itoa(int(port)))
	}
	s.gauge(enforced, number(v.Enforced), v.Name) // not read back is not enforced: 0 is known
	for verdict, count := range v.Traffic {
		s.counter(packets, count.Packets, v.Name, verdict)
		s.counter(volume, count.Bytes, v.Name, verdict)
	}
}

func (s series) group(g status.Group) {
	s.gauge(rosterAddresses, float64(g.Addresses), g.Name)
	for _, source := range g.Sources {
		s.gauge(rosterSourceUp, number(source.Up), g.Name, source.Name)
	}
	s.time(rosterSuccess, g.LastSuccess, g.Name)
}

func (s series) counts(desc *prometheus.Desc, byLabel map[string]uint64) {
	for label, count := range byLabel {
		s.counter(desc, count, label)
	}
}

func (s series) counter(desc *prometheus.Desc, count uint64, labels ...string) {
	s.put(desc, prometheus.CounterValue, float64(count), labels)
}

func (s series) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	s.put(desc, prometheus.GaugeValue, value, labels)
}

func (s series) time(desc *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		s.gauge(desc, float64(t.UnixMilli())/1000, labels...)
	}
}

func (s series) histogram(desc *prometheus.Desc, h status.Histogram) {
	buckets := make(map[float64]uint64, len(h.Bounds))
	for i, bound := range h.Bounds[:min(len(h.Bounds), len(h.Counts))] {
		buckets[bound] = h.Counts[i]
	}
	metric, err := prometheus.NewConstHistogram(desc, h.Count, h.Sum, buckets)
	s.send(desc, metric, err)
}

func (s series) put(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels []string) {
	metric, err := prometheus.NewConstMetric(desc, kind, value, labels...)
	s.send(desc, metric, err)
}

// send writes an error, such as a label that is not UTF-8, in place of the metric: the registry reports it.
func (s series) send(desc *prometheus.Desc, metric prometheus.Metric, err error) {
	if err != nil {
		metric = prometheus.NewInvalidMetric(desc, err)
	}
	s.to <- metric
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/collector"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// discovered is what was ever found on this host. It leaves by config only: a service that is not running now is still to be
// guarded when it starts.
type discovered struct {
	Roles        []string `json:"roles"`
	MetricsPorts []uint16 `json:"metrics_ports"` // of Nakama, which has no default one
}

// foundKey is where it is stored, knownKey where the units are that ran here.
const (
	foundKey = "found"
	knownKey = "known"
)

// metricsService is the service whose ports are those that were found, unless the configuration names some.
const metricsService = "nakama-metrics"

// ErrNoRoles: enforce is declared and auto has found nothing here, now or ever.
var ErrNoRoles = errors.New("roles: auto with enforce, and no Nakama or CockroachDB was ever found on this host: name the roles, like [nakama], or run it in audit first")

// remembering is where found things are.
type remembering interface {
	Get(bucket, key string, into any) (found bool, err error)
}

func (f discovered) equal(other discovered) bool {
	return slices.Equal(f.Roles, other.Roles) && slices.Equal(f.MetricsPorts, other.MetricsPorts)
}

// with adds what was found now.
func (f discovered) with(now discovered) discovered {
	return discovered{
		Roles:        slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.Roles, now.Roles)))),
		MetricsPorts: slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.MetricsPorts, now.MetricsPorts)))),
	}
}

func (f discovered) String() string {
	text := "found on this host: " + strings.Join(f.Roles, ", ")
	if len(f.MetricsPorts) > 0 {
		text += fmt.Sprintf("; Nakama's metrics at %v", f.MetricsPorts)
	}
	return text
}

// load reads the configuration and adds what was found on this host: what auto stands for, and Nakama's metrics ports.
func load(path string, storage remembering) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	known := storedDiscoveries(storage)
	cfg = cfg.WithPorts(metricsService, known.MetricsPorts)
	if !cfg.Auto() {
		return cfg, nil
	}
	if len(known.Roles) > 0 {
		return cfg.WithRoles(known.Roles), nil
	}
	if slices.ContainsFunc(cfg.Firewall.Services, func(s policy.Service) bool { return s.Role != "" && s.Mode == policy.Enforce }) {
		return nil, ErrNoRoles
	}
	return cfg, nil
}

func storedDiscoveries(storage remembering) discovered {
	var known discovered
	if present, err := storage.Get(policyBucket, foundKey, &known); err != nil || !present {
		return discovered{}
	}
	return known
}

// newCollector measures what the configuration in force guards.
func (d *daemon) newCollector() *collector.Collector {
	return collector.New(collector.Options{
		Guarded:     func() []collector.Guarded { return guardedPorts(d.configuration()) },
		Roles:       func() []string { return d.configuration().Roles },
		Environment: func() string { return d.configuration().Environment },
		Sizing:      d.sizing,
		Learnt:      d.storedLearnt(),
		Known:       d.storedKnown(),
		Tell:        d.journal.Tell,
		Admits: func(remote netip.Addr, port uint16) bool {
			return d.enforcer.Snapshot().Wish.Policy.Explain(remote, port).Allowed
		},
	})
}

// guardedPorts are those of every role: what runs here need not be what is declared.
func guardedPorts(cfg *config.Config) []collector.Guarded {
	programs := map[string]string{policy.RoleNakama: "nakama", policy.RoleCockroachDB: "cockroach"}
	var ports []collector.Guarded
	for _, s := range cfg.Firewall.Services {
		for _, port := range s.Ports {
			if s.Protocol == policy.TCP {
				ports = append(ports, collector.Guarded{Service: s.Name, Role: s.Role, Port: port, Program: programs[s.Role]})
			}
		}
	}
	return ports
}

// learn has what is found on this host guarded, as far as the configuration leaves it open, until ctx ends.
func (d *daemon) learn(ctx context.Context) {
	aged := time.NewTicker(storeKnownEvery)
	defer aged.Stop()
	stored := d.storedKnown()
	var guarded discovered
	for {
		measured := d.collector.Changed()
		if found := (discovered{Roles: d.collector.Roles(), MetricsPorts: d.collector.MetricsPorts()}); !found.equal(guarded) && d.onFound(ctx, found) {
			guarded = found
		}
		if known := d.collector.Known(); !slices.EqualFunc(stored, known, sameUnit) {
			stored = known
			d.storeKnown(known)
		}
		select {
		case <-ctx.Done():
			d.storeKnown(d.collector.Known())
			return
		case <-measured:
		case <-aged.C:
			d.storeKnown(d.collector.Known())
		}
	}
}

// storeKnownEvery is how old it may be after a crash when a unit was seen last. Which units there are is stored at once.
const storeKnownEvery = time.Minute

func sameUnit(a, b collector.Known) bool {
	return a.Name == b.Name && a.Role == b.Role && a.Told == b.Told
}

func (d *daemon) storedKnown() []collector.Known {
	var known []collector.Known
	if found, err := d.store.Get(policyBucket, knownKey, &known); err != nil || !found {
		if err != nil {
			d.o.Log.Warn("which services ran here is lost: one that does not run now is not missed", "error", err)
		}
		return nil
	}
	return known
}

func (d *daemon) storeKnown(known []collector.Known) {
	if err := d.store.Put(policyBucket, knownKey, known); err != nil {
		d.o.Log.Warn("which services ran here is not remembered over a restart", "error", err)
	}
}

// onFound remembers what was found and guards it. It returns false when it could not be remembered: then it is to be tried again.
func (d *daemon) onFound(ctx context.Context, found discovered) bool {
	known := storedDiscoveries(d.store)
	now := known.with(found)
	if now.equal(known) {
		return true
	}
	if err := d.store.Put(policyBucket, foundKey, now); err != nil {
		d.o.Log.Warn("what was found is not remembered", "error", err)
		return false
	}
	d.journal.Tell(status.Event{Kind: status.KindFound, Summary: now.String(), Fields: map[string]string{"roles": strings.Join(now.Roles, ",")}})
	err := d.order(ctx, func(ctx context.Context) error {
		if !d.fileInForce() {
			return nil // it is invalid, or was taken back: what was found waits until the file is used again
		}
		cfg, err := load(d.o.ConfigPath, d.store)
		if err != nil {
			return err
		}
		_, err = d.takeOver(ctx, cfg, now.String())
		return err
	})
	if err != nil && ctx.Err() == nil {
		d.o.Log.Error("what was found is not guarded", "error", err)
	}
	return true
}

// fileInForce says that the file, as it was read last, is what is enforced.
func (d *daemon) fileInForce() bool {
	d.steering.mu.Lock()
	defer d.steering.mu.Unlock()
	return d.fleet != nil && d.configState.LastReloadOK
}

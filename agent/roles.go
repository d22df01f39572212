package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

// rolesKey is where the roles are stored that were found on this host: they leave by config only, because a service that
// is not running now is still to be guarded when it starts.
const rolesKey = "roles"

// ErrNoRoles: enforce is declared and auto has found nothing here, now or ever.
var ErrNoRoles = errors.New("roles: auto with enforce, and no Nakama or CockroachDB was ever found on this host: name the roles, like [nakama], or run it in audit first")

// roleStorage is where found roles are.
type roleStorage interface {
	Get(bucket, key string, into any) (found bool, err error)
}

// load reads the configuration and says what auto stands for.
func load(path string, storage roleStorage) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err != nil || !cfg.Auto() {
		return cfg, err
	}
	if roles := storedRoles(storage); len(roles) > 0 {
		return cfg.WithRoles(roles), nil
	}
	if slices.ContainsFunc(cfg.Firewall.Services, func(s policy.Service) bool { return s.Role != "" && s.Mode == policy.Enforce }) {
		return nil, ErrNoRoles
	}
	return cfg, nil
}

func storedRoles(storage roleStorage) []string {
	var roles []string
	if found, err := storage.Get(policyBucket, rolesKey, &roles); err != nil || !found {
		return nil
	}
	return roles
}

// onRoles remembers roles that were found. Where the configuration says auto, they are guarded from now on.
func (d *daemon) onRoles(ctx context.Context, found []string) {
	known := storedRoles(d.store)
	roles := slices.Compact(slices.Sorted(slices.Values(slices.Concat(known, found))))
	if slices.Equal(roles, known) {
		return
	}
	if err := d.store.Put(policyBucket, rolesKey, roles); err != nil {
		d.o.Log.Warn("the roles that were found are not remembered", "error", err)
		return
	}
	cfg := d.configuration()
	if fresh, err := config.Load(d.o.ConfigPath); err != nil || !fresh.Auto() || cfg == nil {
		return
	}
	why := "found on this host: " + strings.Join(roles, ", ")
	d.journal.Tell(status.Event{Kind: status.KindRolesFound, Summary: why, Fields: map[string]string{"roles": strings.Join(roles, ",")}})
	err := d.order(ctx, func(ctx context.Context) error {
		cfg, err := load(d.o.ConfigPath, d.store)
		if err != nil {
			return err
		}
		_, err = d.takeOver(ctx, cfg, why)
		return err
	})
	if err != nil && ctx.Err() == nil {
		d.o.Log.Error("the roles that were found are not guarded", "error", fmt.Errorf("%s: %w", why, err))
	}
}

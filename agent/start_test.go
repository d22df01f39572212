package agent

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/agent/config"
	"github.com/nakama-warden/nakama-warden/agent/journal"
	"github.com/nakama-warden/nakama-warden/agent/store"
	"github.com/nakama-warden/nakama-warden/enforcer"
	"github.com/nakama-warden/nakama-warden/enforcer/kernel"
	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	goodConfig = "roles: [nakama]\nfirewall: {mode: enforce}\n"
	badConfig  = "roles: [nobody]\n"
)

// newDaemon is a daemon that does not run, with this configuration and an empty store.
func newDaemon(t *testing.T, text string) *daemon {
	t.Helper()
	dir := t.TempDir()
	o := Options{ConfigPath: filepath.Join(dir, "config.yaml"), StateDir: dir, Version: "test", Log: slog.New(slog.DiscardHandler)}
	if err := os.WriteFile(o.ConfigPath, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(dir, storeFile), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &daemon{o: o, store: s, journal: journal.New(o.Log, s, time.Now)}
}

func TestTheFirstWish(t *testing.T) {
	stored := enforcer.Wish{Mode: policy.Enforce, Revision: "stored", Policy: policy.Policy{
		Services: []policy.Service{{Name: "nakama-console", Protocol: policy.TCP, Ports: []uint16{7351}, Mode: policy.Enforce}}}}
	for _, tt := range []struct {
		name, config string
		stored       any
		wantStored   bool
		wantErr      error
	}{
		{"a good file", goodConfig, nil, false, nil},
		{"a good file goes before what is stored", goodConfig, stored, false, nil},
		{"a bad file, and a policy of before", badConfig, stored, true, nil},
		{"a bad file alone", badConfig, nil, false, ErrNothingToEnforce},
		{"a bad file, and what is stored is of another shape", badConfig, []int{1}, false, ErrNothingToEnforce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDaemon(t, tt.config)
			if tt.stored != nil {
				if err := d.store.Put(policyBucket, wishKey, tt.stored); err != nil {
					t.Fatal(err)
				}
			}
			cfg, wish, err := d.firstWish()
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("%v; want %v", err, tt.wantErr)
			}
			if (wish != nil) != tt.wantStored || (cfg == nil) != (tt.wantErr != nil) {
				t.Fatalf("configuration %v, wish %v", cfg, wish)
			}
			if !tt.wantStored {
				return
			}
			if wish.Revision != "stored" || !strings.Contains(wish.Why, "stored policy") || len(wish.Policy.Services) != 1 {
				t.Errorf("%+v; want the stored wish, and why", wish)
			}
			if s := d.configState; !s.FromLastStart || s.LastReloadOK || !strings.Contains(s.Problem, "config.yaml:1:") {
				t.Errorf("%+v; want what is wrong with the file", s)
			}
		})
	}
}

func TestAnInvalidFileIsToldWithItsProblem(t *testing.T) {
	d := newDaemon(t, badConfig)
	if _, _, err := d.firstWish(); err == nil || !strings.Contains(err.Error(), "config.yaml:1: roles") {
		t.Errorf("%v; want file, line and key", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.journal.Run(ended); err != nil { // writes down what was told
		t.Fatal(err)
	}
	events, err := d.store.Events(status.EventQuery{Kinds: []string{status.KindConfigInvalid}})
	if err != nil || len(events) != 1 || !strings.Contains(events[0].Fields["error"], "roles") {
		t.Errorf("%+v, %v; want one event with the error", events, err)
	}
}

func TestGroupsThatNobodyKnowsAnyMoreKeepWhatTheKernelHolds(t *testing.T) {
	inKernel := []netip.Prefix{netip.MustParsePrefix("10.0.1.11/32")}
	other := []netip.Prefix{netip.MustParsePrefix("10.0.1.12/32")}
	d := newDaemon(t, goodConfig)
	d.fromKernel = policy.Roster{policy.GroupNakama: inKernel}
	up, down := status.Source{Name: "files/0", Up: true}, status.Source{Name: "files/0"}
	for _, tt := range []struct {
		name    string
		known   []netip.Prefix
		sources []status.Source
		want    []netip.Prefix
	}{
		{"the source is down and nothing is stored", nil, []status.Source{down}, inKernel},
		{"one of two is down", nil, []status.Source{up, down}, inKernel},
		{"the source is down and its last answer stored", other, []status.Source{down}, other},
		{"the source says: nobody", nil, []status.Source{up}, nil},
		{"there is no source", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			roster := policy.Roster{policy.GroupNakama: tt.known}
			filled := d.withRemembered(roster, []status.Group{{Name: policy.GroupNakama, Sources: tt.sources}})
			if got := filled[policy.GroupNakama]; !slices.Equal(got, tt.want) {
				t.Errorf("%v; want %v", got, tt.want)
			}
			if !slices.Equal(roster[policy.GroupNakama], tt.known) {
				t.Error("the roster that was given is changed")
			}
		})
	}
}

func TestAPolicyThatBreaksARuleIsNoWish(t *testing.T) {
	cfg, err := config.Parse("config.yaml", []byte("roles: [cockroachdb]\nfleet: {nakama: {static: [10.0.1.11]}}\nfirewall: {mode: enforce}\n"))
	if err != nil {
		t.Fatal(err)
	}
	roster := cfg.StaticRoster()
	if _, err := wishOf(cfg, roster, "test"); err != nil {
		t.Errorf("%v; want none", err)
	}
	roster[policy.GroupLoadBalancers] = roster[policy.GroupNakama]
	if w, err := wishOf(cfg, roster, "test"); err == nil {
		t.Errorf("a load balancer that reaches the database: %+v", w.Policy)
	}
}

func TestHighestGrip(t *testing.T) {
	for text, want := range map[string]kernel.Grip{
		config.GripAuto: kernel.AnyGrip, config.GripOwned: kernel.AnyGrip, config.GripHeld: kernel.Held, config.GripWatched: kernel.Watched,
	} {
		if got := highestGrip(&config.Config{Firewall: config.Firewall{Grip: text}}); got != want {
			t.Errorf("%s: %s; want %s", text, got, want)
		}
	}
}

func TestTheControlSocketNeedsAPlaceOfItsOwn(t *testing.T) {
	d := newDaemon(t, goodConfig)
	file := filepath.Join(d.o.StateDir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := d.o
	o.StateDir = filepath.Join(file, "state") // below a file there can be no folder: that is no full disk
	if l, err := listenControl(o); err == nil {
		t.Error(errors.Join(errors.New("no error"), l.Close()))
	}
	o.StateDir = filepath.Join(d.o.StateDir, "fresh")
	l, err := listenControl(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(o.StateDir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; want a folder that nobody else may enter", info.Mode(), err)
	}
}

func TestWithoutALoopAnOrderEndsWithItsContext(t *testing.T) {
	d := newDaemon(t, goodConfig)
	d.orders = make(chan order)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := d.order(gone, func(context.Context) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the end of the context", err)
	}
}

func TestAnOrderKnowsWhoAskedAndLivesAsLongAsTheLoop(t *testing.T) {
	type key struct{}
	d := newDaemon(t, goodConfig)
	d.orders = make(chan order)
	asker, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "ops"))
	loop, end := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		answered <- d.order(asker, func(ctx context.Context) error {
			leave()
			if who := ctx.Value(key{}); who != "ops" || ctx.Err() != nil {
				t.Errorf("asked by %v, %v; want ops, and no end with them", who, ctx.Err())
			}
			end()
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	o := <-d.orders
	o.done <- o.do(loop)
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the end of the loop", err)
	}
}

func TestAWatchdogIsNotFedForALoopThatStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "3000") // looked at each millisecond
	d := newDaemon(t, goodConfig)
	d.enforcer = new(enforcer.Enforcer) // it never ran
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	d.watchdog(ctx)
	if err := socket.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	if n, err := socket.Read(text); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("told %q, %v; want nothing", text[:n], err)
	}
}

func TestWithoutADaemonTheFileAnswers(t *testing.T) {
	d := newDaemon(t, "roles: [nakama]\nfleet: {admins: {static: [10.9.0.0/24]}}\nfirewall: {mode: enforce}\n")
	revoked := []status.Revocation{{Prefix: netip.MustParsePrefix("10.9.0.7/32")}}
	if err := d.store.Put(policyBucket, revokedKey, revoked); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	local := NewLocal(d.o)
	for source, want := range map[string]bool{"10.9.0.1": true, "10.9.0.7": false, "192.0.2.1": false} {
		e, err := local.Explain(t.Context(), netip.MustParseAddr(source), 7351)
		if err != nil || e.Allowed != want {
			t.Errorf("%s: %+v, %v; want allowed %t", source, e, err, want)
		}
	}
	local.o.ConfigPath = filepath.Join(d.o.StateDir, "absent.yaml")
	if _, err := local.Explain(t.Context(), netip.MustParseAddr("10.9.0.1"), 7351); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v; want that there is no file", err)
	}
	d.store, _ = store.Open(filepath.Join(t.TempDir(), storeFile), store.Options{}) // for the cleanup
}

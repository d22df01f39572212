package kernel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// roleVariable makes this program another process of a test: one that writes what the nft program cannot, one that is
// killed, one that lacks a capability.
const roleVariable = "KERNEL_TEST_ROLE"

// play is the whole life of such a process. What it says on standard output is one word a line.
func play(role string) error {
	ctx := context.Background()
	name, argument, _ := strings.Cut(role, " ")
	size, _ := strconv.Atoi(argument) // roles without one do not use it
	switch name {
	case "own":
		return ownUntilKilled(ctx)
	case "alternate-owned":
		return alternate(ctx, Owned, size)
	case "alternate-watched":
		return alternate(ctx, Watched, size)
	case "hammer":
		return hammer(ctx, size)
	case "fail":
		return failToCommit(ctx, size)
	case "open-without-capability":
		return openWithoutCapability(ctx)
	}
	return fmt.Errorf("no such role: %q", role)
}

// actor is a process of a test that plays a role on a host.
type actor struct {
	*lab.Process
	lines *bufio.Scanner
}

func startActor(t testing.TB, host *lab.Host, role string) *actor {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	cmd.Stdout, cmd.Stderr = in, os.Stderr
	p, err := host.Start(cmd)
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &actor{Process: p, lines: bufio.NewScanner(out)}
}

// runActor plays a role to its end and returns what it said.
func runActor(t testing.TB, host *lab.Host, role string) string {
	t.Helper()
	a := startActor(t, host, role)
	var said []string
	for a.lines.Scan() {
		said = append(said, a.lines.Text())
	}
	if err := a.Wait(); err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	return strings.Join(said, "\n")
}

// hears waits until the actor has said a word.
func (a *actor) hears(t testing.TB, word string) {
	t.Helper()
	for a.lines.Scan() {
		if a.lines.Text() == word {
			return
		}
	}
	t.Fatalf("the other process ended without saying %q", word)
}

// ownUntilKilled commits a ruleset as its owner and waits for its end.
func ownUntilKilled(ctx context.Context) error {
	table, err := Open(ctx, Options{})
	if err != nil {
		return err
	}
	first, _ := twoRulesets(10)
	if err := table.Commit(ctx, ruleset.Replace(first)); err != nil {
		return err
	}
	fmt.Println("owned")
	return unix.Pause()
}

// alternate commits two rulesets by turns, as a whole and by their elements, until it is killed.
func alternate(ctx context.Context, grip Grip, size int) error {
	table, err := Open(ctx, Options{HighestGrip: grip})
	if err != nil {
		return err
	}
	a, b := twoRulesets(size)
	if err := table.Commit(ctx, ruleset.Replace(a)); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		for _, change := range []ruleset.Change{ruleset.Replace(b), ruleset.Diff(b, a), ruleset.Diff(a, b), ruleset.Replace(a)} {
			if err := table.Commit(ctx, change); err != nil {
				return err
			}
		}
	}
}

// hammer changes the elements of a set as fast as it can until it is killed.
func hammer(ctx context.Context, size int) error {
	table, err := Open(ctx, Options{HighestGrip: Watched})
	if err != nil {
		return err
	}
	a, b := twoRulesets(size)
	if err := table.Commit(ctx, ruleset.Replace(a)); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		for _, change := range []ruleset.Change{ruleset.Diff(a, b), ruleset.Diff(b, a)} {
			if err := table.Commit(ctx, change); err != nil {
				return err
			}
		}
	}
}

// failToCommit prepares many elements in batches that the kernel refuses at their end, until it is killed.
func failToCommit(ctx context.Context, size int) error {
	table, err := Open(ctx, Options{HighestGrip: Watched})
	if err != nil {
		return err
	}
	a, b := twoRulesets(size)
	set := a.Sets[0]
	refused := ruleset.Change{Elements: []ruleset.SetChange{
		{Set: set, Delete: set.Ranges[:size/2], Add: b.Sets[0].Ranges},
		{Set: set, Delete: set.Ranges[:1]}, // once more
	}}
	fmt.Println("ready")
	for {
		if err := table.Commit(ctx, refused); !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("a batch that deletes an element twice: %w", err)
		}
	}
}

// openWithoutCapability says what Open says to a thread that lacks every capability.
func openWithoutCapability(ctx context.Context) error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return err
	}
	_, err := Open(ctx, Options{})
	fmt.Println(err)
	return nil
}

// twoRulesets are of one shape and share no element: size of them in the first, half as many again in the second.
func twoRulesets(size int) (a, b ruleset.Ruleset) {
	group := func(first byte, size int) []netip.Prefix {
		found := make([]netip.Prefix, size)
		for i := range found {
			n := 2 * i // no two are neighbours
			found[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{first, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
		}
		return found
	}
	build := func(prefixes []netip.Prefix) ruleset.Ruleset {
		return ruleset.Build(policy.Policy{
			Services: []policy.Service{{Name: "nakama-console", Protocol: policy.TCP, Ports: []uint16{7351},
				From: []string{"admins"}, Mode: policy.Enforce, RefuseWith: policy.Drop}},
			Groups: policy.Roster{"admins": prefixes},
		}, ruleset.Surroundings{})
	}
	return build(group(10, size)), build(group(11, size+size/2))
}

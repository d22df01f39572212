package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// showDemo shows a short demo on a screen and returns the exit code.
func showDemo(screen demoScreen) int {
	screen.Act("who reaches what")
	screen.Check(demo.Check{Act: "who reaches what", Name: "player → nakama-1:7351", Expected: "hidden", SeenV4: "hidden", SeenV6: "open"})
	screen.Act("kill -9")
	screen.Check(demo.Check{Act: "kill -9", Name: "read back", Expected: "enforcing", Seen: "enforcing", Held: true})
	screen.summary(demo.Summary{Checks: 2, Held: 1, Seconds: 1.25, Problem: "interrupted"})
	return screen.code()
}

func TestDemoText(t *testing.T) {
	var out strings.Builder
	if code := showDemo(&demoText{out: &out}); code != 1 {
		t.Errorf("exit code %d; want 1", code)
	}
	want := `
who reaches what
                                                                expected                IPv4        IPv6
  FAILED  player → nakama-1:7351                                hidden                  hidden      open

kill -9
                                                                expected                seen
  held    read back                                             enforcing               enforcing

ended early: interrupted
in 1.2 s
demo: 1 of 2 checks held
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestDemoJSON(t *testing.T) {
	var out strings.Builder
	if code := showDemo(&demoJSON{lines: json.NewEncoder(&out)}); code != 1 {
		t.Errorf("exit code %d; want 1", code)
	}
	want := `{"act":"who reaches what","check":"player → nakama-1:7351","expected":"hidden","seen_v4":"hidden","seen_v6":"open","held":false}
{"act":"kill -9","check":"read back","expected":"enforcing","seen":"enforcing","held":true}
{"checks":2,"held":1,"seconds":1.25,"problem":"interrupted"}
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestDemoExitCode(t *testing.T) {
	screen := &demoJSON{lines: json.NewEncoder(io.Discard)}
	screen.summary(demo.Summary{Checks: 2, Held: 2})
	if code := screen.code(); code != 0 {
		t.Errorf("exit code %d; want 0", code)
	}
}

func TestDemoRefusesAnUnknownOutput(t *testing.T) {
	cmd := newDemoCommand()
	cmd.SetArgs([]string{"-o", "yaml"})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "want text or json") {
		t.Errorf("%v; want what is allowed", err)
	}
}

func TestTheOtherDemosRefuseAnUnknownOutput(t *testing.T) {
	for _, name := range []string{"capacity", "alerts"} {
		if err := execute(t, "demo", name, "-o", "yaml"); err == nil || !strings.Contains(err.Error(), "want text or json") {
			t.Errorf("%s: %v; want what is allowed", name, err)
		}
	}
}

// What fills memory or tampers is for the hosts of a demo only.
func TestThePartsOfTheDemoRefuseARealMachine(t *testing.T) {
	for _, args := range [][]string{{"demo", "serve", "7000"}, {"demo", "tamper", "flush"}, {"demo", "machine"}, {"demo", "stand-in", "nakama"}} {
		if err := execute(t, args...); err == nil || !strings.Contains(err.Error(), "this is a real machine") {
			t.Errorf("%q: %v; want that it refuses", args, err)
		}
	}
	if err := execute(t, "demo", "serve", "many"); err == nil || !strings.Contains(err.Error(), "want how many") {
		t.Errorf("%v; want what is wanted", err)
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/nakama-warden/nakama-warden/agent"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
)

func TestCodeOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("broken"), 1},
		{exitStatus(exitChanges), 2},
		{fmt.Errorf("plan: %w", exitStatus(3)), 3},
		{errors.Join(agent.ErrNothingToEnforce, errors.New("config.yaml:1: roles")), 78},
	} {
		if got := codeOf(tt.err); got != tt.want {
			t.Errorf("%v: exit code %d; want %d", tt.err, got, tt.want)
		}
	}
}

// execute runs a command without a daemon, with an absent configuration.
func execute(t *testing.T, args ...string) error {
	t.Helper()
	root := newRootCommand()
	dir := t.TempDir()
	root.SetArgs(append(args, "--config", filepath.Join(dir, "absent.yaml"), "--state", dir))
	root.SetOut(io.Discard)
	return root.ExecuteContext(t.Context())
}

func TestMistakesAreRefusedWithWhatIsWanted(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"no-such-command"}, "unknown command"},
		{[]string{"status", "too", "many"}, "unknown command"},
		{[]string{"explain", "10.0.0.1"}, "accepts 2 arg(s)"},
		{[]string{"explain", "nowhere", "7351"}, "want one such as"},
		{[]string{"explain", "10.0.0.1", "0"}, "want a number from 1 to 65535"},
		{[]string{"pause", "--for", "30m"}, "--why"},
		{[]string{"pause", "--why", "test"}, "no nakama-warden"},
		{[]string{"revoke", "somebody"}, "want 10.0.1.13 or 10.0.1.0/24"},
		{[]string{"revoke", "10.0.1.13"}, "no nakama-warden"},
		{[]string{"apply", "--confirm", "--revert-after", "60s"}, "none of the others can be"},
		{[]string{"apply", "--confirm"}, "no nakama-warden"},
		{[]string{"apply", "--accept-shrink", "admins"}, "no nakama-warden"},
		{[]string{"apply"}, "--config FILE"},
		{[]string{"plan"}, "--config FILE"},
		{[]string{"status"}, "--config FILE"},
		{[]string{"check"}, "--config FILE"},
		{[]string{"events", "--follow"}, "no nakama-warden"},
		{[]string{"events", "--limit", "many"}, "invalid argument"},
		{[]string{"events", "--since", "yesterday"}, "is no time"},
	} {
		err := execute(t, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v; want %q", tt.args, err, tt.want)
		}
	}
}

func TestASocketThatIsNoSocketIsAnError(t *testing.T) {
	p := paths{state: t.TempDir()}
	if _, err := p.backend(); err != nil {
		t.Errorf("%v; without a daemon the command acts itself", err)
	}
	p.state = filepath.Join(p.state, strings.Repeat("long/", 30))
	if _, err := p.backend(); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("%v; want a shorter --state", err)
	}
}

func TestParsePrefix(t *testing.T) {
	for text, want := range map[string]string{"10.0.1.13": "10.0.1.13/32", "fd00::1": "fd00::1/128", "10.0.1.0/24": "10.0.1.0/24"} {
		if got, err := parsePrefix(text); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestAnUnknownOutputIsRefused(t *testing.T) {
	o := output{format: "yaml"}
	err := o.print(1, func(io.Writer, text.Style) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "want text or json") {
		t.Errorf("%v; want what is allowed", err)
	}
}

// TestEveryCommandIsDocumented compares the commands with the table at the head of docs/cli.md.
func TestEveryCommandIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(page)) {
		if cell, isRow := strings.CutPrefix(line, "| `"); isRow {
			first, _, _ := strings.Cut(cell, "|")
			documented = append(documented, regexp.MustCompile("[a-z][a-z-]+").FindString(cell))
			for _, more := range regexp.MustCompile("`([a-z][a-z-]+)").FindAllStringSubmatch("`"+first, -1) {
				documented = append(documented, more[1])
			}
		}
	}
	root := newRootCommand()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && !slices.Contains(documented, cmd.Name()) {
			t.Errorf("%s is not in docs/cli.md", cmd.Name())
		}
	}
}

func TestEveryCommandSaysWhatItDoes(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: %q; want a short text without a full stop", cmd.CommandPath(), cmd.Short)
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(newRootCommand())
}

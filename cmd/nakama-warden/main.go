// Command nakama-warden guards a Nakama or CockroachDB host: see README.md and `nakama-warden help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/nakama-warden/nakama-warden/agent"
)

// version is set by the linker.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := codeOf(newRootCommand().ExecuteContext(ctx))
	stop()
	os.Exit(code)
}

// The exit codes that scripts and units rely on, beside 0 and 1.
const (
	exitChanges   = 2  // plan: there is something to change
	exitRefusals  = 3  // plan --enforce: somebody of the last 7 days would be refused
	exitBadConfig = 78 // run: EX_CONFIG; a restart would not help
)

// exitStatus is an error that only sets the exit code: what there was to say was said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func codeOf(err error) int {
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintln(os.Stderr, "nakama-warden:", err)
	if errors.Is(err, agent.ErrNothingToEnforce) {
		return exitBadConfig
	}
	return 1
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/status"
)

// attended says that a person can be asked.
func attended() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// ownTerminal is the one that a process was started from, wherever its input comes from.
const ownTerminal = "/dev/tty"

// ask puts a question to the person at a terminal. Whatever is not y is a no, and so is no answer before ctx ends.
func ask(ctx context.Context, path, question string) bool {
	// Opened anew, and not to block: a read of standard input could not be ended by ctx.
	terminal, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = terminal.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = terminal.SetReadDeadline(time.Unix(0, 1)) })
	defer stop()
	fmt.Fprint(terminal, question, " [y/N] ")
	answer, err := bufio.NewReader(terminal).ReadString('\n')
	if err != nil {
		fmt.Fprintln(terminal)
	}
	return err == nil && strings.EqualFold(strings.TrimSpace(answer), "y")
}

// keep asks whether a change stays that is taken back otherwise. Where nobody can be asked, `apply --confirm` says so.
func keep(ctx context.Context, b control.Backend, within time.Duration) error {
	inTime, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if !ask(inTime, ownTerminal, fmt.Sprintf("Can everybody get in who should? Keep it? Else it is taken back in %s.", within)) {
		return errors.New("not kept: what was in force before comes back when the time is over; " +
			"until then `nakama-warden apply --confirm` keeps the change")
	}
	_, err := working("keeping the change", func() (status.Applied, error) { return b.Confirm(ctx) })
	return err
}

package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	watchEvery = time.Second
	// watchPatience is how long an answer may take before the page says that there is none.
	watchPatience = 3 * time.Second
)

// watchStatus shows the status again every second until it is interrupted: on a terminal in place, elsewhere below each other.
func watchStatus(ctx context.Context, p *paths, o *output) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	if o.format == "text" && term.IsTerminal(int(os.Stdout.Fd())) {
		ask := func(ctx context.Context) (status.Host, error) { return askStatus(ctx, p) }
		host, err := text.Await(os.Stderr, "asking for the status", func() (status.Host, error) { return ask(ctx) })
		if err != nil {
			return unlessInterrupted(ctx, err)
		}
		w := watch{terminal: os.Stdout, ask: ask, host: host}
		return w.run(ctx, ticker.C)
	}
	for {
		if err := printStatus(ctx, p, o); err != nil {
			return unlessInterrupted(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watch is a page on a terminal that is kept up to date.
type watch struct {
	terminal *os.File
	ask      func(context.Context) (status.Host, error)
	screen   *text.Screen
	host     status.Host // the last answer
	problem  error       // why there is none since
}

// run shows the page until ctx ends or the terminal goes away. Whatever ends it, the terminal is as it was before.
func (w *watch) run(ctx context.Context, ticks <-chan time.Time) (err error) {
	// Besides those that end every command.
	ctx, stop := signal.NotifyContext(ctx, unix.SIGHUP, unix.SIGQUIT)
	defer stop()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGTSTP)
	defer signal.Stop(signals)

	if w.screen, err = text.OpenScreen(w.terminal); err != nil {
		return err
	}
	defer func() {
		if closed := w.screen.Close(); err == nil && ctx.Err() == nil {
			err = closed
		}
	}()
	for {
		if err := w.show(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case s := <-signals:
			if s == unix.SIGTSTP {
				if err := w.suspend(); err != nil {
					return err
				}
			}
		case <-ticks:
			w.update(ctx)
		}
	}
}

func (w *watch) update(ctx context.Context) {
	asked, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	host, err := w.ask(asked)
	if ctx.Err() != nil {
		return // nobody looks any more
	}
	if w.problem = err; err == nil {
		w.host = host
	}
}

func (w *watch) show() error {
	return w.screen.Show(func(out io.Writer, s text.Style) error {
		if w.problem != nil {
			return text.Stale(out, s, w.host, w.problem)
		}
		return text.Host(out, s, w.host)
	})
}

// suspend stops this process as Ctrl-Z is meant to, with the terminal given back meanwhile.
func (w *watch) suspend() error {
	if err := w.screen.Close(); err != nil {
		return err
	}
	// To this very thread: it goes on only when the process does.
	runtime.LockOSThread()
	err := unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGSTOP)
	runtime.UnlockOSThread()
	if err != nil {
		return err
	}
	w.screen, err = text.OpenScreen(w.terminal)
	return err
}

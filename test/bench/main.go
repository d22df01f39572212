// Command bench measures the daemon against its budgets, each beside a peer in the same run, and prints a table.
//
// Everything happens in network namespaces that it makes and that end with it. A zero stands beside the positive
// control that shows it could have been more. `make bench` runs it with the binary that was just built.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

func main() {
	if role := os.Getenv(holdVariable); role != "" {
		fmt.Println(hold(role))
		os.Exit(1)
	}
	program := flag.String("program", "bin/nakama-warden", "the nakama-warden to measure")
	only := flag.String("only", "", "one of: sets, holes, counting, traffic; empty: all")
	flag.Parse()
	lab.Main(func() int {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		dir, err := lab.Scratch()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		b := &bench{ctx: ctx, program: *program, only: *only, dir: dir}
		if err := b.run(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		return b.verdict()
	})
}

// bench collects results.
type bench struct {
	ctx     context.Context
	program string
	only    string
	dir     string // scratch space
	missed  []string
}

func (b *bench) run() error {
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"sets", b.sets}, {"holes", b.holes}, {"counting", b.counting}, {"traffic", b.traffic},
	} {
		if b.only != "" && b.only != part.name {
			continue
		}
		fmt.Printf("\n## %s\n\n| what | measured | budget | held |\n|---|---|---|---|\n", part.name)
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// row prints one line of the table; a budget that was not held is remembered.
func (b *bench) row(what, measured, budget string, held bool) {
	word := "yes"
	if !held {
		word = "NO"
		b.missed = append(b.missed, what)
	}
	fmt.Printf("| %s | %s | %s | %s |\n", what, measured, budget, word)
}

// note prints a figure that has no budget.
func (b *bench) note(what, measured string) { fmt.Printf("| %s | %s | | |\n", what, measured) }

func (b *bench) verdict() int {
	if len(b.missed) == 0 {
		fmt.Println("\nevery budget held")
		return 0
	}
	for _, what := range b.missed {
		fmt.Printf("\nnot held: %s\n", what)
	}
	return 1
}

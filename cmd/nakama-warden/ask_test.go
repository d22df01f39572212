package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// endTheQuestion stands for a ctx that ends while nobody answers.
const endTheQuestion = ""

func TestAsk(t *testing.T) {
	for _, tt := range []struct {
		name, typed string
		want        bool
	}{
		{"y", "y\n", true},
		{"Y, and spaces", " Y \n", true},
		{"n", "n\n", false},
		{"a mere return", "\n", false},
		{"more than y", "yesterday\n", false},
		{"the end of input", "\x04", false},
		{"nobody answers", endTheQuestion, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, terminal := aTerminal(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			answered := make(chan bool)
			go func() { answered <- ask(ctx, terminal, "Keep it?") }()
			readUntil(t, near, "Keep it? [y/N] ")
			if tt.typed == endTheQuestion {
				cancel()
			} else if _, err := near.WriteString(tt.typed); err != nil {
				t.Fatal(err)
			}
			if got := <-answered; got != tt.want {
				t.Errorf("%t; want %t", got, tt.want)
			}
		})
	}
}

func TestAskWithoutATerminalIsANo(t *testing.T) {
	if ask(t.Context(), t.TempDir()+"/none", "Keep it?") {
		t.Error("yes; want no where nobody can be asked")
	}
}

// aTerminal is a terminal by its path, and the side of it at which a person sits.
func aTerminal(t *testing.T) (near *os.File, path string) {
	t.Helper()
	near, far, err := pty.Open()
	if err != nil {
		t.Skipf("lacks pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far.Name()
}

func readUntil(t *testing.T, near *os.File, want string) {
	t.Helper()
	var said strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(said.String(), want) {
		if _, err := near.Read(one); err != nil {
			t.Fatalf("after %q: %v", said.String(), err)
		}
		said.Write(one)
	}
}

package text

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// quickly is how long a person waits without wondering.
const quickly = time.Second

// Await does what may take long. If terminal is one, it says there meanwhile what is being done and for how long; nothing of
// that remains.
func Await[Result any](terminal *os.File, what string, do func() (Result, error)) (Result, error) {
	if !term.IsTerminal(int(terminal.Fd())) || os.Getenv("TERM") == "dumb" {
		return do()
	}
	ticker := time.NewTicker(quickly)
	defer ticker.Stop()
	return await(terminal, StyleFor(terminal), what, ticker.C, do)
}

// await says after each tick how long it has been.
func await[Result any](w io.Writer, s Style, what string, ticks <-chan time.Time, do func() (Result, error)) (Result, error) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tellProgress(w, s, what, ticks, done)
	}()
	// Also if it panics: the terminal is another's afterwards.
	defer func() {
		close(done)
		<-ended
	}()
	return do()
}

func tellProgress(w io.Writer, s Style, what string, ticks <-chan time.Time, done <-chan struct{}) {
	p := page{style: s}
	for n := 1; ; n++ {
		select {
		case <-done:
			if n > 1 {
				_, _ = io.WriteString(w, "\r"+clearLine) // nobody can be told that a terminal is gone
			}
			return
		case <-ticks:
			wheel := `|/-\`[n%4]
			text := truncate(fmt.Sprintf("%c %s … %s", wheel, what, words.Span(time.Duration(n)*quickly)), max(s.Width-1, 1))
			_, _ = io.WriteString(w, "\r"+p.paint(dim, text)+clearLine)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/text"
)

// demoScreen shows a demo.
type demoScreen interface {
	demo.Audience
	summary(demo.Summary)
	code() int // the exit code
}

func newDemoScreen(o output, out *os.File) (demoScreen, error) {
	switch o.format {
	case "text":
		return &demoText{out: out, colour: text.StyleFor(out).Colour}, nil
	case "json":
		return &demoJSON{lines: json.NewEncoder(out)}, nil
	}
	return nil, fmt.Errorf("unknown output format %q; want text or json", o.format)
}

// exitCode keeps what the summary means to the caller of the program.
type exitCode struct{ failed bool }

func (e *exitCode) keep(s demo.Summary) { e.failed = !s.OK() }

func (e *exitCode) code() int {
	if e.failed {
		return 1
	}
	return 0
}

// demoText is the demo for people: a table for each act.
type demoText struct {
	exitCode
	out    io.Writer
	colour bool
	headed string // the head of the table that is being printed
}

// The widths of the columns: the longest name of a path, the longest expectation, the longest outcome.
const (
	nameWidth     = 54
	expectedWidth = 24
	outcomeWidth  = 12
)

func (t *demoText) Act(title string) {
	t.headed = ""
	fmt.Fprintf(t.out, "\n%s\n", t.paint("1", title))
}

func (t *demoText) Progress(line string) { fmt.Fprintln(t.out, "  "+line) }

func (t *demoText) Check(c demo.Check) {
	seenHead, seen := "seen", c.Seen
	if c.SeenV4 != "" {
		seenHead = pad("IPv4", outcomeWidth) + "IPv6"
		seen = pad(c.SeenV4, outcomeWidth) + c.SeenV6
	}
	if t.headed != seenHead {
		t.headed = seenHead
		fmt.Fprintln(t.out, t.paint("2", "          "+pad("", nameWidth)+pad("expected", expectedWidth)+seenHead))
	}
	mark := t.paint("32", "held    ")
	if !c.Held {
		mark = t.paint("31;1", "FAILED  ")
	}
	fmt.Fprintf(t.out, "  %s%s%s%s\n", mark, pad(c.Name, nameWidth), pad(c.Expected, expectedWidth), seen)
}

func (t *demoText) summary(s demo.Summary) {
	t.keep(s)
	fmt.Fprintln(t.out)
	if s.Problem != "" {
		fmt.Fprintf(t.out, "%s\n", t.paint("31;1", "ended early: "+s.Problem))
	}
	fmt.Fprintf(t.out, "in %.1f s\n", s.Seconds)
	fmt.Fprintf(t.out, "demo: %d of %d checks held\n", s.Held, s.Checks)
}

// paint wraps text in an SGR sequence, on a terminal only.
func (t *demoText) paint(sgr, words string) string {
	if !t.colour {
		return words
	}
	return "\x1b[" + sgr + "m" + words + "\x1b[0m"
}

// pad fills a column; what is too long keeps one blank behind it.
func pad(words string, width int) string {
	return fmt.Sprintf("%s%*s", words, max(1, width-utf8.RuneCountInString(words)), "")
}

// demoJSON is the demo for programs: a line for each check, and the summary.
type demoJSON struct {
	exitCode
	lines *json.Encoder
}

func (*demoJSON) Act(string) {}

// Progress is for people; it stays out of the lines.
func (*demoJSON) Progress(line string) { fmt.Fprintln(os.Stderr, line) }

func (j *demoJSON) Check(c demo.Check) { j.print(c) }

func (j *demoJSON) summary(s demo.Summary) {
	j.keep(s)
	j.print(s)
}

// print fails where nobody reads any more: then there is nobody to tell.
func (j *demoJSON) print(line any) { _ = j.lines.Encode(line) }

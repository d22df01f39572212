// Package words tells the state of a host in words: whether it is safe, what wants somebody, what stands in each table.
//
// The terminal and the page say the same of a host because both take it from here: values in, sentences and levels out. How it looks
// is theirs: widths, colours, links, how many rows. Texts from outside are in it as they came, so whoever shows it makes it
// Printable. What is to be typed stands in backticks.
package words

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nakama-warden/nakama-warden/status"
)

// Level is how good or bad something is. A colour may tell it, beside the words.
type Level string

// The levels.
const (
	Plain   Level = "plain"
	Good    Level = "good"
	Warning Level = "warning"
	Bad     Level = "bad"
)

// The modes of a service and the states of the firewall that words depend on.
const (
	ModeAudit   = "audit"
	ModeEnforce = "enforce"

	stateEnforcing = "enforcing"
	wouldRefuse    = "would_refuse" // the verdict of audit
)

// Named are the services of a mode.
func Named(services []status.Service, mode string) []string {
	var names []string
	for _, s := range services {
		if s.Mode == mode {
			names = append(names, s.Name)
		}
	}
	return names
}

// Identity says what runs on a host, beside its name.
func Identity(h status.Host) string {
	parts := []string{strings.Join(h.Roles, " and "), h.Environment}
	if h.Version != "" {
		parts = append(parts, "nakama-warden "+h.Version)
	}
	if h.Revision != "" {
		parts = append(parts, "revision "+h.Revision)
	}
	if !h.Agent.Started.IsZero() {
		parts = append(parts, "up "+since(h.Time, h.Agent.Started))
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", ")
}

// few lists the first of many.
func few(all []string, shown int) string {
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
}

// because is a reason in brackets, if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// by names who asked, if that is known.
func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// Printable makes text from outside safe to show. A process may call itself by an escape sequence that clears the screen or by
// letters that run right to left: everything that does not simply print is written as \x1b, \u202e.
func Printable(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, width := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && width == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[0])|0x100, 16)[1:]) // two digits
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		text = text[width:]
	}
	return b.String()
}

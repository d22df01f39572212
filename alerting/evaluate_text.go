package alerting

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	longestSummary = 200 // runes: it is read on a phone
	longestSubject = 128
)

// summary is fmt.Sprintf for sentences that hold texts from outside, such as the name of a process or what a server answered.
// Every string among args becomes harmless, and is cut as far as the whole must be: what to do stands last in a sentence and
// is not to be lost to somebody's long name. A phrase is ours, and stays whole. A command that a person may paste holds no name
// from outside.
func summary(format string, args ...any) string {
	text := ""
	for _, most := range []int{120, 80, 60, 45, 30, shortestCut} {
		if text = fmt.Sprintf(format, cut(args, most)...); utf8.RuneCountInString(text) <= longestSummary {
			break
		}
	}
	return plain(text, longestSummary)
}

// shortestCut leaves a time as it is.
const shortestCut = 20

// phrase is a part of a sentence that holds nothing from outside, unless it was made plain and short.
type phrase string

// chain is a text from outside that ends in what matters, as wrapped errors end in their cause: it is cut at its beginning.
type chain string

func cut(args []any, most int) []any {
	short := make([]any, len(args))
	for i, arg := range args {
		switch text := arg.(type) {
		case string:
			arg = plain(text, most)
		case chain:
			arg = lastOf(string(text), most)
		}
		short[i] = arg
	}
	return short
}

// plain makes one printable line of at most so many runes: no escape sequence, no letters that run right to left by command.
func plain(text string, most int) string {
	text = text[:min(len(text), longestLook)]
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(strings.Map(harmless, strings.ToValidUTF8(text, replacement))) {
		if n > 0 {
			word = " " + word
		}
		for _, r := range word {
			if n == most {
				return cutEnd(b.String())
			}
			b.WriteRune(r)
			n++
		}
	}
	return b.String()
}

// longestLook bounds, in bytes, what is looked at of a text, each second: somebody may send a megabyte.
const longestLook = 4096

const (
	replacement = "\uFFFD"
	ellipsis    = "…"
)

func harmless(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	}
	return utf8.RuneError
}

// lastOf is plain for the end of a text.
func lastOf(text string, most int) string {
	text = text[max(0, len(text)-longestLook):]
	runes := []rune(plain(text, longestLook))
	if len(runes) <= most {
		return string(runes)
	}
	return ellipsis + strings.TrimLeft(string(runes[len(runes)-most+1:]), " ")
}

func cutEnd(text string) string {
	_, size := utf8.DecodeLastRuneInString(text)
	return text[:len(text)-size] + ellipsis
}

// few lists the first of many.
func few(all []string) string {
	const shown = 3
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
}

// Numbers and times are rounded to what a person needs and never relative to now: a summary that changed each second would be
// stored, and told to Alertmanager, each second.

// grouped has three significant digits and commas: 12,400.
func grouped(n uint64) string {
	unit := uint64(1)
	for n/unit >= 1000 {
		unit *= 10
	}
	digits := fmt.Sprint(n / unit * unit)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// amount is a number and its word.
func amount[N int | uint64](n N, one, more string) phrase {
	if n == 1 {
		return phrase("1 " + one)
	}
	return phrase(fmt.Sprint(n) + " " + more)
}

func connections(n uint64) phrase {
	if n == 1 {
		return "1 connection"
	}
	return phrase(grouped(n) + " connections")
}

// bytes is decimal, as the sizes of hosts are.
func bytes(n uint64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

func percent(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*ratio) }

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

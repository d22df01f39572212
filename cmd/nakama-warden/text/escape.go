package text

import (
	"unicode"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// escape makes text from outside safe to show.
func escape(text string) string { return words.Printable(text) }

const ellipsis = "…"

// columns is how wide escaped text is on a terminal.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300: // Latin: nearly everything there is to show
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		r >= 0xff01 && r <= 0xff60,   // full-width forms
		r >= 0x1f300 && r <= 0x1faff: // pictographs
		return 2
	}
	return 1
}

// split cuts text after as many runes as fit into width, and at least one.
func split(text string, width int) (head, tail string) {
	n := 0
	for i, r := range text {
		n += runeColumns(r)
		if n > width && i > 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// truncate shortens text to width, with … at its end. A width of 0 is no limit.
func truncate(text string, width int) string {
	if width <= 0 || columns(text) <= width {
		return text
	}
	if width == 1 {
		return ellipsis
	}
	head, _ := split(text, width-1)
	if columns(head) > width-1 { // one wide rune in one column
		head = ""
	}
	return head + ellipsis
}

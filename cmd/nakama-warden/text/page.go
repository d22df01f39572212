package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// colour is an SGR parameter (ECMA-48), of the eight that every terminal shows as its user chose them.
type colour string

const (
	plain  colour = ""
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "1;31"
	green  colour = "32"
	yellow colour = "33"
)

func colourOf(l words.Level) colour {
	switch l {
	case words.Good:
		return green
	case words.Warning:
		return yellow
	case words.Bad:
		return red
	}
	return plain
}

// page gathers lines, and is written at once: what is half written cannot be read.
type page struct {
	style Style
	b     strings.Builder
}

// line is one paragraph: a lead and text that is wrapped beside it.
type line struct {
	lead       string
	leadColour colour
	text       string
	colour     colour
	hang       int // the indent of further lines; 0: the width of the lead
}

// narrow is a page without room for what is good to have: columns are left out that would cost others their meaning.
func (p *page) narrow() bool { return p.style.Width > 0 && p.style.Width < 72 }

func (p *page) flush(w io.Writer) error {
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func (p *page) paint(c colour, text string) string {
	if !p.style.Colour || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// prose writes a paragraph.
func (p *page) prose(l line) {
	lead, text := escape(l.lead), escape(l.text)
	hang := l.hang
	if hang == 0 {
		hang = columns(lead)
	}
	if p.style.Width > 0 && columns(lead) > p.style.Width/2 { // no room beside it
		p.writeLine(p.paint(l.leadColour, truncate(strings.TrimRight(lead, " "), p.style.Width)))
		hang = min(2, p.style.Width/2)
		lead = strings.Repeat(" ", hang)
	}
	first := columns(lead)
	for i, part := range wrap(text, p.style.Width, first, hang) {
		if i == 0 {
			p.writeLine(p.paint(l.leadColour, lead) + p.paint(l.colour, part))
			continue
		}
		p.writeLine(strings.Repeat(" ", hang) + p.paint(l.colour, part))
	}
}

// changes writes lines in nft's notation as they are, coloured by their sign.
func (p *page) changes(lines []string) {
	for _, l := range lines {
		c := plain
		switch {
		case strings.HasPrefix(l, "+ "):
			c = green
		case strings.HasPrefix(l, "- "):
			c = red
		}
		p.prose(line{text: l, colour: c, hang: 4})
	}
}

// heading writes the title of a section after an empty line.
func (p *page) heading(title string) {
	p.writeLine("")
	p.writeLine(p.paint(bold, truncate(title, p.style.Width)))
}

func (p *page) writeLine(text string) {
	p.b.WriteString(strings.TrimRight(text, " "))
	p.b.WriteByte('\n')
}

// wrap breaks text at spaces into lines of at most width columns, the first of which begins at column first, the
// others at hang. Words that are too long are cut. A width of 0 is no limit; there is always one line.
func wrap(text string, width, first, hang int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	text = strings.TrimRight(text, " ")
	room := max(width-first, 1)
	for {
		head, tail := split(text, room)
		if tail == "" {
			return append(lines, head)
		}
		if at := strings.LastIndexByte(head, ' '); tail[0] != ' ' && at > 0 && strings.TrimSpace(head[:at]) != "" {
			head, tail = text[:at], text[at:]
		}
		lines = append(lines, strings.TrimRight(head, " "))
		text = strings.TrimLeft(tail, " ")
		room = max(width-hang, 1)
	}
}

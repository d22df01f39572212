package page

import (
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// clock tells times as seen at the time of a page, in its zone.
type clock struct{ now time.Time }

// moment is a time in words, and for machines.
type moment struct{ Ago, At, Machine string }

func (c clock) moment(t time.Time) moment {
	if t.IsZero() {
		return moment{Ago: "never"}
	}
	return moment{Ago: words.Ago(c.now, t), At: c.at(t), Machine: t.UTC().Format(time.RFC3339)}
}

// at is a time as people write it: the day only if it is another one.
func (c clock) at(t time.Time) string {
	t = t.In(c.now.Location())
	if t.Year() == c.now.Year() && t.YearDay() == c.now.YearDay() {
		return t.Format("15:04:05 MST")
	}
	return t.Format("2006-01-02 15:04 MST")
}

// prose is text in which what is to be typed stands in backticks.
type prose string

// part is a piece of prose.
type part struct {
	Code bool
	Text string
}

// Parts are the pieces, in turn words and what is to be typed. A backtick without its other stays one.
func (p prose) Parts() []part {
	var parts []part
	pieces := strings.Split(string(p), "`")
	for i, piece := range pieces {
		if i%2 == 1 && i == len(pieces)-1 {
			piece = "`" + piece
		}
		if piece != "" {
			parts = append(parts, part{i%2 == 1 && i < len(pieces)-1, piece})
		}
	}
	return parts
}

func proseOf(texts []string) []prose {
	var out []prose
	for _, text := range texts {
		out = append(out, prose(text))
	}
	return out
}

// first are so many of a list, and how many that leaves out.
func first[T any](all []T, most int) (shown []T, left int) {
	if len(all) <= most {
		return all, 0
	}
	return all[:most], len(all) - most
}

// last are so many of the end of a list.
func last[T any](all []T, most int) []T { return all[max(0, len(all)-most):] }

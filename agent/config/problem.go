package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong, or unwise, in a file. Key is the dotted path of the entry, with list items by index:
// firewall.services.nakama-console.from[1]. Where the file itself is at fault it is "yaml".
type Problem struct {
	File    string
	Line    int
	Key     string
	Problem string
	Want    string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; want %s", p.File, p.Line, p.Key, p.Problem, p.Want)
}

// Problems are all that is wrong with a file, by line.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sorted keeps the order of discovery within a line.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return p
}

// quote shows a value from the file on one line, cut where it is long.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// segment is a name as part of a key: quoted only where it would not be readable as one word.
func segment(name string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(" .:[]", r) }
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, odd) {
		return quote(name)
	}
	return name
}

// oneOf lists what is allowed, and the closest of it if the word looks like a slip of the finger.
func oneOf(word string, allowed []string) string {
	want := "one of " + strings.Join(allowed, ", ")
	if len(allowed) == 1 {
		want = allowed[0]
	}
	if near, ok := nearest(word, allowed); ok {
		want += fmt.Sprintf(", did you mean %q?", near)
	}
	return want
}

// nearest returns the candidate that the fewest edits away, if they are few enough to be a typo.
func nearest(word string, candidates []string) (string, bool) {
	best, least := "", len(word)/3+2
	if len(word) > 64 {
		return "", false
	}
	for _, candidate := range candidates {
		if n := edits(strings.ToLower(word), strings.ToLower(candidate)); n < least {
			best, least = candidate, n
		}
	}
	return best, best != ""
}

// edits is the Levenshtein distance, row by row.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

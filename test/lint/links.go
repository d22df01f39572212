package lint

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Links returns every link of a Markdown file that leads to no file of the tree, or to no heading of it.
func Links(tree fs.FS) ([]string, error) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	var problems []string
	err := walk(tree, func(name string, text []byte) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		for _, found := range link.FindAllSubmatch(text, -1) {
			to := string(found[1])
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			if why := broken(tree, name, to); why != "" {
				problems = append(problems, fmt.Sprintf("%s: link to %s: %s", name, to, why))
			}
		}
		return nil
	})
	return problems, err
}

func broken(tree fs.FS, from, to string) string {
	file, heading, _ := strings.Cut(to, "#")
	target := from
	if file != "" {
		target = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(tree, target); err != nil {
		return "no such file"
	}
	if heading == "" {
		return ""
	}
	text, err := fs.ReadFile(tree, target)
	if err != nil {
		return err.Error()
	}
	if !slices.Contains(headings(string(text)), heading) {
		return "no such heading"
	}
	return ""
}

// headings returns the anchors that code hosts make of a file's headings.
func headings(text string) []string {
	var anchors []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		title := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		anchors = append(anchors, strings.Map(anchorRune, title))
	}
	return anchors
}

func anchorRune(r rune) rune {
	switch {
	case r == ' ':
		return '-'
	case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
		return r
	}
	return -1 // left out
}

package lint

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/agent/config"
)

// Configurations that the documents show as right pass the check, without so much as a warning.
func TestExamplesPassTheCheck(t *testing.T) {
	for file, heading := range map[string]string{
		"README.md":      "## Three lines that hide the console",
		"docs/config.md": "## An example",
	} {
		text, err := fs.ReadFile(source(), file)
		if err != nil {
			t.Fatal(err)
		}
		example := indented(string(text), heading)
		if example == "" {
			t.Errorf("%s: no example under %q", file, heading)
			continue
		}
		c, err := config.Parse(file, []byte(example))
		if err != nil {
			t.Errorf("the example under %q:\n%v", heading, err)
			continue
		}
		for _, warning := range c.Warnings {
			t.Errorf("the example under %q: %s", heading, warning)
		}
	}
}

// indented returns the first indented block after a heading.
func indented(text, heading string) string {
	_, after, _ := strings.Cut(text, heading+"\n")
	var block strings.Builder
	for line := range strings.Lines(after) {
		code, is := strings.CutPrefix(line, "    ")
		switch {
		case is:
			block.WriteString(code)
		case block.Len() > 0:
			return block.String()
		}
	}
	return block.String()
}

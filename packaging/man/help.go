package main

import (
	"errors"
	"strings"
)

// Help is the help text of one command, taken apart.
type Help struct {
	Description string
	Usage       string   // without "[flags]"
	Examples    []string // lines, without their indentation
	Commands    []string // names, of the program only
	Flags       []Flag   // its own
	Globals     []Flag   // those of every command
}

// Flag is one flag: `-o, --output format` and what it does.
type Flag struct{ Name, Does string }

// Parse takes a help text apart at its headings.
func Parse(text string) (Help, error) {
	var help Help
	heading := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if next, ok := headingOf(line); ok {
			heading = next
			continue
		}
		help.add(heading, line)
	}
	help.Description = strings.TrimSpace(help.Description)
	if help.Usage == "" {
		return Help{}, errors.New("the help text has no usage")
	}
	return help, nil
}

// headingOf: a heading is one of the words that the help uses, at the start of a line.
func headingOf(line string) (string, bool) {
	switch line {
	case "Usage:", "Examples:", "Available Commands:", "Flags:", "Global Flags:":
		return line, true
	}
	return "", false
}

func (h *Help) add(heading, line string) {
	content := strings.TrimSpace(line)
	switch {
	case heading == "":
		h.Description += line + "\n"
	case content == "", !strings.HasPrefix(line, " "): // the closing hint
	case heading == "Usage:" && h.Usage == "":
		h.Usage = strings.TrimSuffix(content, " [flags]")
	case heading == "Examples:":
		h.Examples = append(h.Examples, content)
	case heading == "Available Commands:":
		h.Commands = append(h.Commands, strings.Fields(content)[0])
	case heading == "Flags:":
		h.Flags = appendFlag(h.Flags, content)
	case heading == "Global Flags:":
		h.Globals = appendFlag(h.Globals, content)
	}
}

// appendFlag leaves --help out. A line that is no flag goes on with the description of the flag before it.
func appendFlag(flags []Flag, line string) []Flag {
	name, does, _ := strings.Cut(line, "   ")
	switch {
	case strings.HasPrefix(name, "-h, --help"):
		return flags
	case !strings.HasPrefix(name, "-") && len(flags) > 0:
		flags[len(flags)-1].Does += " " + line
		return flags
	}
	return append(flags, Flag{Name: name, Does: strings.TrimSpace(does)})
}

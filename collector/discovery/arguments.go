package discovery

import (
	"fmt"
	"log/slog"
	"strings"
)

// Arguments are those of a process, the program first. They may hold credentials, so they do not show themselves: not
// printed, not logged, not in JSON.
type Arguments []string

const withheld = "(arguments withheld)"

// Format writes no argument, whatever the verb.
func (Arguments) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(withheld)) }

// LogValue shows no argument.
func (Arguments) LogValue() slog.Value { return slog.StringValue(withheld) }

// MarshalText shows no argument.
func (Arguments) MarshalText() ([]byte, error) { return []byte(withheld), nil }

// parseArguments reads /proc/PID/cmdline.
func parseArguments(text string) Arguments {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
}

// flag returns every value of a flag in Go's notation: one dash or two, the value after "=" or as the next argument.
// Which other flags have no value is not known here, so that one whose value looks like this flag would be mistaken.
func (a Arguments) flag(name string) []string {
	var values []string
	for i, argument := range a {
		if i == 0 || !strings.HasPrefix(argument, "-") {
			continue
		}
		found, value, joined := strings.Cut(strings.TrimPrefix(argument[1:], "-"), "=")
		switch {
		case found != name:
		case joined:
			values = append(values, value)
		case i+1 < len(a):
			values = append(values, a[i+1])
		}
	}
	return values
}

package config

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// Whatever the bytes: problems that stand in the file and fit a line each, or a config that breaks no rule when it is
// checked anew.
func FuzzParse(f *testing.F) {
	for _, test := range problemTests {
		f.Add([]byte(test.text))
	}
	text, err := os.ReadFile(packaged)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.ReplaceAll(text, []byte("#"), nil))
	f.Add([]byte("roles: [nakama]\nfirewall: {mode: enforce, services: {own: {ports: [1], from: [a], protocol: udp}}}\nfleet: {a: {static: [10.0.0.0/9]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("f.yaml", text)
		if err != nil {
			checkProblems(t, err, bytes.Count(text, []byte("\n"))+1, bytes.ContainsAny(text, "\r\u0085\u2028\u2029"))
			return
		}
		if found := policy.Check(c.HostServices(), c.StaticRoster()); len(found) > 0 {
			t.Errorf("passed, and breaks %v", found)
		}
		if _, err := policy.Compile(c.HostServices(), c.StaticRoster()); err != nil {
			t.Error(err)
		}
		again, err := Parse("f.yaml", text)
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("another config the second time: %+v, %v", again, err)
		}
	})
}

func checkProblems(t *testing.T, err error, lines int, otherBreaks bool) {
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	if strings.Count(err.Error(), "\n") != len(problems)-1 {
		t.Errorf("not one line each: %q", err)
	}
	for _, p := range problems {
		if p.Line < 1 || (p.Line > lines+1 && !otherBreaks) || p.Key == "" || p.Problem == "" || p.Want == "" {
			t.Errorf("of %d lines: %+v", lines, p)
		}
	}
	if !slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Line - b.Line }) {
		t.Errorf("not by line: %v", problems)
	}
}

func FuzzParseDuration(f *testing.F) {
	f.Add("30d")
	f.Add("1h30m")
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := parseDuration(text); ok && d < 0 {
			t.Errorf("%q = %s", text, d)
		}
	})
}

package alerting

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestScripts(t *testing.T) {
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			r := player{TB: t}
			for line := range strings.Lines(script) {
				if line = strings.TrimSpace(line); line != "" {
					r.play(line)
				}
			}
		})
	}
}

// player plays one script. The clock of the state is start + now + off.
type player struct {
	testing.TB
	now, off time.Duration
	state    State
	quiet    Quiet
	line     string
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (r *player) clock() time.Time { return start.Add(r.now + r.off) }

func (r *player) play(line string) {
	r.Helper()
	r.line = line
	verb, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch verb {
	case "silence":
		condition, length, _ := strings.Cut(rest, " ")
		r.silence(condition, r.duration(length))
	case "end":
		var ok bool
		if r.quiet, _, ok = r.quiet.End(rest); !ok {
			r.Fatalf("%s: no such silence", line)
		}
	case "maintenance":
		r.maintenance(rest)
	case "settle":
		r.state = r.state.Settle(r.clock().Add(r.duration(rest)))
	case "restart":
		r.state = reread(r, r.state)
	case "clock":
		r.off += r.duration(rest)
	case "shown":
		r.equal(describe(r.state.Alerts()), rest)
	case "next":
		r.nextIs(rest)
	default:
		r.now = r.duration(verb)
		conditions, want, _ := strings.Cut(rest, "->")
		r.step(conditions, strings.TrimSpace(want))
	}
}

func (r *player) step(listed, want string) {
	r.Helper()
	conditions := conditionsOf(listed)
	before, read := text(r, r.state), reread(r, r.state)
	r.quiet, _ = r.quiet.Expire(r.clock())
	after, told := r.state.Step(r.clock(), conditions, r.quiet, nil, nil)
	r.equal(describe(told), want)
	again, toldAgain := read.Step(r.clock(), conditions, r.quiet, nil, nil)
	if !reflect.DeepEqual(told, toldAgain) || !reflect.DeepEqual(again, after) {
		r.Fatalf("%s: read back from JSON it goes otherwise:\n%+v, %+v\n%+v, %+v", r.line, told, after, toldAgain, again)
	}
	if text(r, r.state) != before {
		r.Fatalf("%s: the step changed what it was given", r.line)
	}
	r.state = after
}

func (r *player) silence(condition string, length time.Duration) {
	var err error
	if r.quiet, _, err = r.quiet.Silence(status.Silence{Condition: condition, From: r.clock(), Until: r.clock().Add(length)}); err != nil {
		r.Fatal(err)
	}
}

func (r *player) maintenance(length string) {
	if length == "over" {
		r.quiet, _ = r.quiet.EndMaintenance()
		return
	}
	var err error
	if r.quiet, err = r.quiet.Maintain(status.Maintenance{From: r.clock(), Until: r.clock().Add(r.duration(length))}); err != nil {
		r.Fatal(err)
	}
}

func (r *player) nextIs(want string) {
	r.Helper()
	at := r.state.Next()
	if want == "never" {
		if !at.IsZero() {
			r.Errorf("%s: it is %v", r.line, at.Sub(start)-r.off)
		}
	} else if got := at.Sub(start) - r.off; got != r.duration(want) {
		r.Errorf("%s: it is %v", r.line, got)
	}
}

func (r *player) duration(text string) time.Duration {
	r.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		r.Fatalf("%s: %v", r.line, err)
	}
	return d
}

func (r *player) equal(got, want string) {
	r.Helper()
	if got != want {
		r.Errorf("%s: got %q", r.line, got)
	}
}

func conditionsOf(text string) []status.Condition {
	var conditions []status.Condition
	for _, word := range strings.Fields(text) {
		if word == "-" {
			continue
		}
		name, severity, given := strings.Cut(word, ":")
		c := status.Condition{Name: name, Severity: status.SeverityWarning, For: 5 * time.Minute, ClearAfter: 5 * time.Minute}
		switch name {
		case "X", "Y", "Z":
			c.For, c.ClearAfter = 0, 0
		case "S":
			c.For, c.ClearAfter = time.Second, time.Second
		case "ServiceDown", "NotEnforced":
			c.Severity = status.SeverityCritical
		}
		if given {
			c.Severity = severity
		}
		conditions = append(conditions, c)
	}
	return conditions
}

func describe(alerts []status.Alert) string {
	var words []string
	for _, a := range alerts {
		word := a.State + " " + a.Name
		if a.Severity != status.SeverityWarning {
			word += ":" + a.Severity
		}
		if a.Silenced != "" {
			word += " silenced"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func text(t testing.TB, s State) string {
	t.Helper()
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func reread(t testing.TB, s State) State {
	t.Helper()
	var read State
	if err := json.Unmarshal([]byte(text(t, s)), &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func BenchmarkStep(b *testing.B) {
	conditions := conditionsOf("A B X Y Z")
	s, _ := State{}.Step(start, conditions, Quiet{}, nil, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s, _ = s.Step(start.Add(time.Duration(i)*time.Second), conditions, Quiet{}, nil, nil)
	}
}

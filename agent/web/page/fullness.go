package page

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// drawn is how many units have their pictures in a page; the others are one click away.
const drawn = 3

// fullness is how full the host's services are.
type fullness struct {
	Empty  prose // nothing is shown, and what to do
	Units  []unit
	Left   int
	Glance glance
}

// unit is one process, how full it is, and the pictures of that.
type unit struct {
	ID, Name, Role string
	Headline       string
	Level          words.Level
	Text           string
	Bar            *bar
	Facts          []fact
	Resources      []resource
	Notes          []string
	Picture        *figure
	Timelines      []timeline
	Link           string // where its pictures are, if not here
}

// bar is what is in use, sure to fit and expected to fit, in percent of the largest, and what the latter two are called. What is
// called nothing is not there.
type bar struct {
	Used, Sure, Maybe   string
	SureWord, MaybeWord string
}

// resource is one thing that connections use up.
type resource struct{ Name, Limit, Fits string }

func fullnessOf(c clock, k Known) fullness {
	s := k.Host.Sample
	switch {
	case s == nil:
		return fullness{Glance: glance{words.Plain, "not measured yet"}, Empty: "Nothing was measured yet: the first measurement takes a few seconds. If this stays, look at `journalctl -u nakama-warden`."}
	case len(s.Units) == 0:
		return fullness{Glance: glance{words.Plain, "nothing runs"}, Empty: "Neither Nakama nor CockroachDB was found running here. Once one listens on its port it is found within 10 seconds; nothing needs to be configured for that."}
	}
	units := slices.Clone(s.Units)
	slices.SortStableFunc(units, func(a, b status.Unit) int {
		return cmp.Or(-compare(a.Name == k.Unit, b.Name == k.Unit), -compare(a.Capacity != nil, b.Capacity != nil), cmp.Compare(words.Connected(b), words.Connected(a)))
	})
	out := fullness{Glance: fullest(s.Units)}
	units, out.Left = first(units, manyUnits)
	for i, u := range units {
		view := unitOf(u)
		view.ID = fmt.Sprintf("unit-%d", i)
		if i < drawn {
			view.draw(c, k, u)
		} else {
			view.Link = "?unit=" + url.QueryEscape(u.Name)
		}
		out.Units = append(out.Units, view)
	}
	return out
}

// compare orders false before true.
func compare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (u *unit) draw(c clock, k Known, of status.Unit) {
	day, month := historyOf(k.Day, of.Name), historyOf(k.Month, of.Name)
	if of.Capacity != nil {
		u.Picture = pictureOf(of, day.UnitHistory, month.UnitHistory)
		u.Picture.ID = u.ID + "-picture"
	}
	u.Timelines = timelinesOf(c, of, day, month)
	if len(u.Timelines) == 0 {
		u.Notes = append(u.Notes, "Nothing was recorded of it yet.")
	}
	for i := range u.Timelines {
		u.Timelines[i].ID = fmt.Sprintf("%s-timeline-%d", u.ID, i)
	}
}

func unitOf(u status.Unit) unit {
	out := unit{Name: u.Name, Role: u.Role}
	if u.Capacity == nil {
		out.byMemory(u)
		return out
	}
	out.byCapacity(u, *u.Capacity)
	return out
}

// byMemory tells of what is no Nakama: nothing is known of what its connections cost.
func (u *unit) byMemory(of status.Unit) {
	text, level := words.Memory(of.Memory)
	u.Headline, u.Level = "memory unknown", words.Plain
	if m := of.Memory; m.Limit > 0 {
		u.Headline, u.Level = words.Percent(m.Resident, m.Limit)+" of its memory", level
		u.Bar = barOf(m.Resident, m.Limit, 0, "its limit", "")
		if level == words.Plain {
			u.Level = words.Good
		}
	}
	u.Text = fmt.Sprintf("%s connections, %s of memory.", words.Grouped(words.Connected(of)), text)
	u.Facts = []fact{{"Memory limited by", cmp.Or(of.Memory.LimitBy, words.Unknown)}}
}

func (u *unit) byCapacity(of status.Unit, c status.Capacity) {
	n := words.Connected(of)
	u.Facts = factsOf(of, c)
	for _, r := range c.Resources {
		u.Resources = append(u.Resources, resourceOf(r))
	}
	if c.Known {
		u.known(n, c)
	} else {
		u.guessed(n, c)
	}
	if generous := words.Generous(c); generous != "" {
		u.Notes = append(u.Notes, "It "+generous+".")
	}
	if c.Joint != nil {
		u.Notes = append(u.Notes, words.Together(*c.Joint)+".")
	}
}

func (u *unit) known(n uint64, c status.Capacity) {
	u.Headline, u.Level = "nothing fits", words.Fullness(n, c)
	if c.Fits > 0 {
		u.Headline = words.Percent(n, c.Fits) + " full"
	}
	u.Text = sure(n, c)
	maybe := ""
	if c.Expected > c.Fits {
		maybe = "expected to fit"
	}
	u.Bar = barOf(n, c.Fits, c.Expected, "sure to fit", maybe)
}

// guessed says why it is not known, and what would help.
func (u *unit) guessed(n uint64, c status.Capacity) {
	u.Headline, u.Level = "not known yet", words.Plain
	u.Text = fmt.Sprintf("%s connected. How many fit is not known: %s.", words.Grouped(n), strings.TrimSuffix(words.Doubt(c.Reason), "."))
	if c.Fits > 0 {
		u.Text += fmt.Sprintf(" At a guess %s.", words.Grouped(c.Fits))
		u.Bar = barOf(n, 0, c.Fits, "", "fit at a guess")
	}
	u.Notes = append(u.Notes, "What would tell: a load that varies, such as a quiet night and a busy evening, or a load test in steps from idle to the usual peak.")
}

// sure says how many fit, and how sure that is.
func sure(n uint64, c status.Capacity) string {
	text := fmt.Sprintf("%s connected; %s are sure to fit (90 %%, by %s)", words.Grouped(n), words.Grouped(c.Fits), cmp.Or(c.Binding, "memory"))
	if c.Expected > c.Fits {
		text += fmt.Sprintf(", %s expected", words.Grouped(c.Expected))
	}
	text += "."
	if c.Ratio > 0 {
		text += fmt.Sprintf(" That is %.1f × the peak of %s; %.1f × is wanted.", c.Ratio, words.Grouped(c.Peak), c.Target)
	}
	return text
}

func factsOf(u status.Unit, c status.Capacity) []fact {
	text, _ := words.Memory(u.Memory)
	facts := []fact{{"Connected now", words.Grouped(words.Connected(u))}, {"Peak", words.Grouped(c.Peak)}, {"Memory now", text}, {"Limited by", cmp.Or(u.Memory.LimitBy, words.Unknown)}}
	if c.Known {
		facts = append(facts, fact{"Each connection takes", words.Size(c.BytesPerConnection)})
	}
	return facts
}

func resourceOf(r status.Resource) resource {
	out := resource{Name: r.Name, Limit: words.Grouped(r.Limit), Fits: words.Grouped(r.Fits)}
	if r.Name == "memory" {
		out.Limit = words.Size(float64(r.Limit))
	}
	if !r.Known {
		out.Fits = "not known: " + words.Doubt(r.Reason)
	}
	return out
}

// barOf is nothing where there is nothing to compare with.
func barOf(used, certain, expected uint64, sureWord, maybeWord string) *bar {
	most := float64(max(used, certain, expected))
	if most == 0 {
		return nil
	}
	part := func(n uint64) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/most) }
	return &bar{Used: part(used), Sure: part(certain), Maybe: part(expected), SureWord: sureWord, MaybeWord: maybeWord}
}

package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// Forecast writes what memory a number of connections takes, how sure that is, and what it rests on.
func Forecast(w io.Writer, s Style, f status.Forecast) error {
	p := page{style: s}
	if f.Known {
		p.prose(line{lead: "KNOWN  ", leadColour: green, text: fmt.Sprintf("%s connections take %s of memory, and less than %s with 90 %% certainty",
			words.Grouped(f.Connections), words.Size(float64(f.Memory)), words.Size(float64(f.MemoryUpper)))})
	} else {
		p.prose(line{lead: "NOT KNOWN  ", leadColour: yellow, text: fmt.Sprintf("%s connections take perhaps %s of memory, perhaps %s: this is a guess",
			words.Grouped(f.Connections), words.Size(float64(f.Memory)), words.Size(float64(f.MemoryUpper)))})
	}
	p.writeLine("")
	for _, b := range reasoning(f) {
		if b.text != "" {
			p.prose(line{lead: fmt.Sprintf("%-8s", b.title), leadColour: dim, text: b.text, colour: b.colour})
		}
	}
	return p.flush(w)
}

// because is one line of what a forecast rests on.
type because struct {
	title, text string
	colour      colour
}

func reasoning(f status.Forecast) []because {
	return []because{
		{title: "why", text: f.Reason, colour: yellow},
		{title: "seen", text: seen(f)},
		{title: "model", text: model(f)},
		{title: "reach", text: reach(f)},
		{title: "kernel", text: kernel(f)},
		{title: "binds", text: binds(f)},
		{title: "check", text: check(f.Check)},
		{title: "surer", text: f.Surer},
	}
}

// seen says what taught the model.
func seen(f status.Forecast) string {
	windows := fmt.Sprintf("%s of steady load", words.Several(f.Windows, "window"))
	over := " over " + words.Span(time.Duration(f.Seconds*float64(time.Second)))
	if f.Samples > 0 {
		windows = words.Several(f.Samples, "sample") + over + ", in them " + windows
		over = ""
	}
	if f.Windows == 0 {
		return windows
	}
	text := fmt.Sprintf("%s%s, from %s to %s connections", windows, over, words.Grouped(f.LeastSeen), words.Grouped(f.LargestSeen))
	if f.Unit != "" {
		text += ", of " + f.Unit
	}
	return text
}

func model(f status.Forecast) string {
	if f.Windows == 0 {
		return "none yet: the numbers are what Nakamas take elsewhere"
	}
	return fmt.Sprintf("%s without a connection, and %s ± %s for each", words.Size(float64(f.Base)), words.Size(f.BytesPerConnection), words.Size(f.Doubt))
}

// reach says how far beyond what was observed the answer lies: the bound widens with that.
func reach(f status.Forecast) string {
	switch {
	case f.LargestSeen == 0:
		return ""
	case f.Connections <= f.LargestSeen:
		return "so many were seen: nothing is extrapolated"
	}
	return fmt.Sprintf("%.1f times the most that was seen, which the certainty allows for", float64(f.Connections)/float64(f.LargestSeen))
}

func kernel(f status.Forecast) string {
	if f.Kernel == 0 {
		return ""
	}
	return fmt.Sprintf("up to %s more, outside of the process and within the same limit", words.Size(float64(f.Kernel)))
}

// binds says what runs out first, and whether so many fit.
func binds(f status.Forecast) string {
	c := f.Capacity
	switch {
	case c == nil && f.Samples > 0:
		return "not known: a recording shows memory alone, no limit, descriptors or conntrack"
	case c == nil:
		return "not known: no daemon runs here, or the unit does not"
	case !c.Known:
		return "not known: " + words.Doubt(c.Reason)
	}
	verdict := fmt.Sprintf("%s do", words.Grouped(f.Connections))
	switch {
	case f.Connections > max(c.Fits, c.Expected):
		verdict = fmt.Sprintf("%s do not", words.Grouped(f.Connections))
	case f.Connections > c.Fits:
		verdict = fmt.Sprintf("%s may or may not", words.Grouped(f.Connections))
	}
	text := fmt.Sprintf("%s: %s connections fit with 90 %% certainty: %s", limitOf(*c), words.Grouped(c.Fits), verdict)
	if c.Joint != nil && c.Binding == "memory" {
		text += fmt.Sprintf(" while %s grow in proportion", strings.Join(c.Joint.Units, ", "))
	}
	return text
}

// limitOf names the resource that binds, and how much there is of it.
func limitOf(c status.Capacity) string {
	for _, r := range c.Resources {
		if r.Name == c.Binding && r.Limit > 0 {
			if r.Name == "memory" {
				return words.Size(float64(r.Limit)) + " of memory"
			}
			return words.Grouped(r.Limit) + " " + r.Name
		}
	}
	return c.Binding
}

// check says how good the method is on this very recording.
func check(c *status.ForecastCheck) string {
	if c == nil {
		return ""
	}
	if !c.Known {
		return fmt.Sprintf("its load up to %s alone would not have been enough to know", words.Grouped(c.LargestSeen))
	}
	verdict := "inside the bound"
	if c.Measured > c.MemoryUpper {
		verdict = "OUTSIDE the bound"
	}
	return fmt.Sprintf("its load up to %s alone foretells %s at %s, below %s; %s were measured: off by %+.1f %%, %s", words.Grouped(c.LargestSeen),
		words.Size(float64(c.Memory)), words.Grouped(c.Connections), words.Size(float64(c.MemoryUpper)), words.Size(float64(c.Measured)),
		100*(float64(c.Memory)/float64(max(1, c.Measured))-1), verdict)
}

package text

import (
	"fmt"
	"io"

	"github.com/nakama-warden/nakama-warden/status"
)

// Forecast writes what memory a number of connections takes, and how sure that is.
func Forecast(w io.Writer, s Style, f status.Forecast) error {
	p := page{style: s}
	lead := line{lead: "KNOWN  ", leadColour: green}
	if !f.Known {
		lead = line{lead: "NOT KNOWN  ", leadColour: yellow}
	}
	lead.text = fmt.Sprintf("%d connections take about %s of memory, and with 90 %% certainty less than %s",
		f.Connections, bytes(f.Memory), bytes(f.MemoryUpper))
	p.prose(lead)
	if f.Reason != "" {
		p.prose(line{lead: "why    ", leadColour: dim, text: f.Reason})
	}
	p.prose(line{lead: "seen   ", leadColour: dim, text: seen(f)})
	p.prose(line{lead: "model  ", leadColour: dim,
		text: fmt.Sprintf("%s without a connection, and %.1f KB for each", bytes(f.Base), f.BytesPerConnection/1e3)})
	return p.flush(w)
}

// seen says how far beyond what was observed the answer lies: the bound widens with that.
func seen(f status.Forecast) string {
	text := fmt.Sprintf("up to %d connections", f.LargestSeen)
	switch {
	case f.LargestSeen == 0 || f.Connections <= f.LargestSeen:
		return text
	default:
		return fmt.Sprintf("%s: this is %.1f times as many, which the certainty allows for; a larger load would make it surer",
			text, float64(f.Connections)/float64(f.LargestSeen))
	}
}

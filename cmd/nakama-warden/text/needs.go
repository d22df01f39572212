package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// needs are what wants somebody and does not stand in another part of the page.
func needs(h status.Host) []words.Need {
	return slices.DeleteFunc(words.Needs(h), func(n words.Need) bool { return shownElsewhere(h, n.Alert) })
}

// shownElsewhere are alerts that need nobody and that another part of the page tells more about.
func shownElsewhere(h status.Host, a status.Alert) bool {
	switch {
	case a.Severity != status.SeverityInfo || a.Subject != "" || a.Silenced != "":
		return false
	case a.Name == "AuditOnly":
		return words.Judge(h).Level != words.Bad // the verdict says it
	case a.Name == "Drift":
		return h.Firewall.LastDrift != nil
	}
	return false
}

// saidByVerdict are alerts whose summary says what stands in the first line.
func saidByVerdict(h status.Host, a status.Alert) bool {
	switch {
	case a.Subject != "":
		return false
	case a.Name == "Paused":
		return h.Firewall.Paused != nil
	case a.Name == "NotEnforced":
		return h.Firewall.Paused == nil && (h.Firewall.State != "enforcing" || !h.Firewall.Verified)
	}
	return false
}

// needs writes what wants somebody, beside its urgency.
func (p *page) needs(h status.Host, all []words.Need) {
	width := 0
	for _, n := range all {
		width = max(width, columns(n.Lead)+1)
	}
	indent := strings.Repeat(" ", width)
	for _, n := range all {
		l := line{lead: fmt.Sprintf("%-*s", width, n.Lead), leadColour: colourOf(n.Level), text: n.Text}
		if n.Alert.Name == "" {
			l.lead = n.Lead + " "
		} else {
			l.text = sentence(h, n)
		}
		if n.Urgency >= words.Clearing && n.Level == words.Plain {
			l.leadColour = dim
		}
		p.prose(l)
		for _, more := range n.More {
			p.prose(line{lead: indent, text: more})
		}
		if n.Alert.State == status.AlertFiring && n.Urgency < words.Clearing && n.Alert.Runbook != "" {
			p.link(indent, n.Alert.Runbook)
		}
	}
}

// sentence is an alert with how it stands.
func sentence(h status.Host, n words.Need) string {
	text := n.About()
	if n.For != "" {
		text += ", for " + n.For
	}
	if n.Note != "" {
		text += ", " + n.Note
	}
	if saidByVerdict(h, n.Alert) {
		return text
	}
	return text + ": " + n.Text
}

// link writes an address beside an indent, or without it where it is too long: what is broken cannot be followed.
func (p *page) link(indent, address string) {
	if p.style.Width > 0 && columns(indent)+columns(escape(address)) > p.style.Width {
		indent = ""
	}
	p.prose(line{lead: indent, text: address, colour: dim})
}

// quiet names what nobody is told of, and until when.
func (p *page) quiet(silences []status.Silence, m *status.Maintenance) {
	for _, q := range words.Quieted(silences, m) {
		p.prose(line{lead: q.Lead + "  ", leadColour: yellow, text: q.Text})
	}
}

// Package page is what a person sees of a host in a browser.
//
// It answers, in this order: am I safe, what needs me, how full am I; then the details. Everything is in the page as it is served:
// words, tables, and pictures as SVG, in the colours of a style sheet that knows light and dark. A script, where there is one,
// fetches the page again and puts in what differs; without it nothing is missing.
//
// Values become views (one file a section: what is told, in words), views become HTML (one template a section: how it is marked
// up). What comes from outside is cut and made printable once, before anything looks at it, and escaped by html/template.
package page

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/status/words"
)

// Known is everything that a page shows.
type Known struct {
	Host   status.Host
	Day    status.History // the last 24 hours
	Month  status.History // the last 30 days
	Events []status.Event // oldest first
	Unit   string         // whose pictures are asked for; empty: those of the busiest
	// Missing is what could not be read for the page.
	Missing []string
}

// The history that a page draws: as many steps as a screen has room for.
const (
	DayStep   = 5 * time.Minute
	MonthStep = 2 * time.Hour
	// Events is how many are shown.
	Events = 50
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static
var static embed.FS

// Static are the files that a page loads: its style sheet, its script, its icon.
func Static() fs.FS {
	files, _ := fs.Sub(static, "static") // fails only of a name that is no path
	return files
}

// Page writes pages.
type Page struct{ layout *template.Template }

// New reads the templates.
func New() *Page {
	return &Page{template.Must(template.New("page.html").ParseFS(templates, "templates/*.html"))}
}

// view is a page, section by section.
type view struct {
	Title     string
	Glance    []answer // to the three questions
	Hostname  string
	Time      moment
	Verdict   verdict
	Identity  string
	Attention attention
	Full      fullness
	Services  services
	Clients   clients
	Refused   refused
	Roster    roster
	Events    []event
	About     about
}

// Write writes the page of a host.
func (p *Page) Write(w io.Writer, k Known) error {
	k = bounded(k)
	c, verdict := clock{k.Host.Time}, verdictOf(k.Host)
	v := view{
		Hostname:  cmp.Or(k.Host.Hostname, "this host"),
		Time:      c.moment(k.Host.Time),
		Verdict:   verdict,
		Identity:  words.Identity(k.Host),
		Attention: attentionOf(c, k, verdict.Verdict),
		Full:      fullnessOf(c, k),
		Services:  servicesOf(k.Host.Services),
		Clients:   clientsOf(c, k.Host.Sample),
		Refused:   refusedOf(c, k.Host),
		Roster:    rosterOf(c, k.Host.Roster),
		Events:    eventsOf(c, k.Events),
		About:     aboutOf(c, k.Host),
	}
	v.Title = title(verdict.Verdict, v.Attention.Glance, v.Hostname)
	v.Glance = []answer{{"verdict", "Am I safe", glance{verdict.Level, verdict.Word}}, {"attention", "What needs me", v.Attention.Glance}, {"full", "How full am I", v.Full.Glance}}
	// What is half written cannot be read: a page that cannot be made is no page.
	var page bytes.Buffer
	if err := p.layout.Execute(&page, v); err != nil {
		return fmt.Errorf("make page: %w", err)
	}
	if _, err := page.WriteTo(w); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

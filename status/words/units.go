package words

import (
	"cmp"
	"fmt"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// Unit is a row of the table of what runs here.
type Unit struct {
	Name, Role  string
	Connections string // by port, of those with somebody connected: the busiest is what people look for
	Counted     string // how and when
	Memory      string
	Level       Level // of Memory
	Files       string
}

// UnitOf is the row of a unit.
func UnitOf(now time.Time, u status.Unit) Unit {
	row := Unit{Name: u.Name, Role: u.Role, Connections: Unknown, Counted: Unknown, Files: Unknown}
	if len(u.Ports) > 0 {
		row.Connections, row.Counted = connections(u.Ports), counted(now, u.Ports)
	}
	row.Memory, row.Level = Memory(u.Memory)
	if u.Files != nil && u.Files.Limit > 0 {
		row.Files = Percent(u.Files.Used, u.Files.Limit)
	}
	return row
}

func connections(ports []status.Port) string {
	var parts []string
	for _, port := range ports {
		if port.Connections > 0 {
			parts = append(parts, fmt.Sprintf("%s at %d", Short(port.Connections), port.Port))
		}
	}
	return cmp.Or(few(parts, manyNames), "0")
}

func counted(now time.Time, ports []status.Port) string {
	newest := ports[0]
	for _, port := range ports {
		if port.How != "last" {
			newest = port
		}
	}
	if newest.How == "exact" {
		return "exactly"
	}
	return newest.How + ", exact " + Ago(now, newest.Exact)
}

// nearlyFull is where somebody is paged.
const nearlyFull = 0.9

// Memory is what a unit has of what it may have.
func Memory(m status.Memory) (string, Level) {
	if m.Limit == 0 {
		return Size(float64(m.Resident)), Plain
	}
	text := fmt.Sprintf("%s of %s (%s)", Size(float64(m.Resident)), Size(float64(m.Limit)), Percent(m.Resident, m.Limit))
	switch share := float64(m.Resident) / float64(m.Limit); {
	case share >= nearlyFull:
		return text, Bad
	case share >= 0.75:
		return text, Warning
	}
	return text, Plain
}

// Connected is how many connections a unit has.
func Connected(u status.Unit) uint64 {
	var n uint64
	for _, port := range u.Ports {
		n += port.Connections
	}
	return n
}

// Fullness is how bad it is that n connections are there of those that fit.
func Fullness(n uint64, c status.Capacity) Level {
	switch {
	case !c.Known:
		return Plain
	case float64(n) >= nearlyFull*float64(c.Fits):
		return Bad
	case c.Below || c.Exhaustion != nil:
		return Warning
	}
	return Good
}

// Doubt is why it is not known how many connections fit.
func Doubt(reason string) string { return cmp.Or(reason, "not enough was seen") }

// Generous says that a unit could do with less; nothing if it could not.
func Generous(c status.Capacity) string {
	if c.SufficientMemory == 0 {
		return ""
	}
	return fmt.Sprintf("has far more than is wanted: %s of memory would suffice for %.1f times its peak", Size(float64(c.SufficientMemory)), c.Target)
}

// Together says what several Nakamas carry within one limit.
func Together(j status.Joint) string {
	text := fmt.Sprintf("%s share %s of memory (%s)", few(j.Units, 8), Size(float64(j.Limit)), j.LimitBy)
	if !j.Known {
		return text + ": how many fit on them together is not known"
	}
	return fmt.Sprintf("%s: %s are sure to fit on them together, in proportion to their peaks", text, Grouped(j.Fits))
}

// Unexpected says that a client is connected which the policy does not admit.
func Unexpected(u status.Unit, c status.Client) string {
	return fmt.Sprintf("%s: %s, which the policy does not admit, is connected (%s ×)", u.Name, c.Address, Grouped(c.Connections))
}

package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// noon is in the middle of a day, and the begin of an hour.
func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

// rig is a history on a disk in memory, with a clock that is set by hand and a log that can be read.
type rig struct {
	t    testing.TB
	at   time.Time
	disk disk // where it is stored, unless storage is another
	said strings.Builder

	storage Storage
	*History
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, at: noon(), disk: disk{values: map[string]string{}}}
	r.storage = &r.disk
	r.restart()
	return r
}

// restart is what a daemon that begins does. What was not stored is lost.
func (r *rig) restart() {
	r.History = New(r.storage, slog.New(slog.NewTextHandler(&r.said, nil)), func() time.Time { return r.at })
}

// disk holds what JSON makes of values.
type disk struct {
	values map[string]string
	full   bool
	writes int
}

func (d *disk) Get(bucket, key string, into any) (bool, error) {
	text, found := d.values[bucket+"/"+key]
	if !found {
		return false, nil
	}
	return true, json.Unmarshal([]byte(text), into)
}

func (d *disk) PutAll(bucket string, values map[string]any) error {
	d.writes++
	if d.full {
		return errors.New("no space left on device")
	}
	for key, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		d.values[bucket+"/"+key] = string(text)
	}
	return nil
}

// nakama is a unit with so many connections, of a page each.
func nakama(n uint64) status.Unit {
	return status.Unit{Name: "nakama.service", Role: "nakama", Ports: []status.Port{{Port: 7350, Connections: n}},
		Memory: status.Memory{Resident: n * 4096, Limit: 3 << 30}}
}

// see observes units each second over a while.
func (r *rig) see(over time.Duration, units ...status.Unit) {
	for end := r.at.Add(over); r.at.Before(end); r.at = r.at.Add(time.Second) {
		r.Observe(status.Sample{Time: r.at, Units: units})
	}
}

func (r *rig) store() {
	r.t.Helper()
	if err := r.Store(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ask(q status.HistoryQuery) status.History {
	r.t.Helper()
	h, err := r.Query(q)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, u := range h.Units {
		for _, column := range [][]*uint64{u.Connections, u.Memory, u.Limit, u.Fits} {
			if len(column) != len(u.Connections) {
				r.t.Fatalf("%s: columns of %d and %d", u.Name, len(column), len(u.Connections))
			}
		}
	}
	return h
}

// line writes a column as runs: 2×100 - 200, - for what is not known.
func line(column []*uint64) string {
	text := func(v *uint64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(*v)
	}
	var runs []string
	for i := 0; i < len(column); {
		n := 1
		for i+n < len(column) && text(column[i+n]) == text(column[i]) {
			n++
		}
		runs = append(runs, strings.TrimPrefix(fmt.Sprintf("%d×%s", n, text(column[i])), "1×"))
		i += n
	}
	return strings.Join(runs, " ")
}

// want compares the connections of the only unit in steps of 10 s.
func (r *rig) want(since time.Time, want string) {
	r.t.Helper()
	h := r.ask(status.HistoryQuery{Since: since, Step: 10 * time.Second})
	got := ""
	if len(h.Units) > 0 {
		got = line(h.Units[0].Connections)
	}
	if len(h.Units) > 1 || got != want {
		r.t.Errorf("since %s: %q; want %q", since.Format(time.TimeOnly), got, want)
	}
}

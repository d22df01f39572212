package page

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nakama-warden/nakama-warden/status"
)

// hostile is what a process, a receiver or a DNS server may call itself.
const hostile = "\"><script>alert(1)</script>'`${7*7}{{.}}javascript:\u202e\x1b[2J\x00\xff\u2028"

// fill puts a text and a number everywhere where one can be, and one element into what is empty.
func fill(v reflect.Value, text string, number uint64) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), text, number)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text, number)
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i), text, number)
		}
	case reflect.Map:
		entry := reflect.New(v.Type().Elem()).Elem()
		fill(entry, text, number)
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{text, "allowed", "refused"} {
			v.SetMapIndex(reflect.ValueOf(key), entry)
		}
	case reflect.String:
		v.SetString(text)
	case reflect.Uint64, reflect.Uint16:
		v.SetUint(number & (1<<v.Type().Bits() - 1))
	case reflect.Bool:
		v.SetBool(true)
	}
}

// Whatever any text says, it is shown and nothing else.
func TestHostileTexts(t *testing.T) {
	for _, known := range []bool{true, false} {
		k := safe()
		k.Events = []status.Event{{}}
		fill(reflect.ValueOf(&k.Host), hostile, 5)
		fill(reflect.ValueOf(&k.Events), hostile, 5)
		k.Host.Sample.Units[0].Capacity.Known = known
		k.Host.Firewall.State = "enforcing"
		if known {
			k.Host.Firewall.Paused = nil
		}
		k.Host.Alerts[0].Runbook = "https://example.org/" + hostile
		text, root := written(t, k)
		if len(elements(root, "script")) != 1 {
			t.Errorf("%d scripts; want ours only", len(elements(root, "script")))
		}
		for _, a := range elements(root, "a") {
			if href := attribute(a, "href"); strings.HasPrefix(href, "javascript:") || strings.ContainsAny(href, `"<>`) {
				t.Errorf("a link goes to %q", href)
			}
		}
		for _, r := range text {
			if r != '\n' && (!unicode.IsPrint(r) && r != '\u00a0' || r == unicode.ReplacementChar) {
				t.Errorf("%U is on the page", r)
			}
		}
		if strings.Count(text, "alert(1)") < 50 {
			t.Errorf("%d of the texts are shown", strings.Count(text, "alert(1)"))
		}
		structure(t, root)
	}
}

// A runbook that is no address of the web is no link.
func TestRunbooksThatAreNoLinks(t *testing.T) {
	for _, runbook := range []string{"javascript:alert(1)", "docs/runbooks/Drift.md", "data:text/html,x", "//example.org"} {
		k := safe()
		k.Host.Alerts = []status.Alert{{State: status.AlertFiring, Runbook: runbook}}
		if text, _ := written(t, k); strings.Contains(text, runbook) {
			t.Errorf("%s is a link", runbook)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"nakama", "nakama"}, {"Grüße 猫", "Grüße 猫"}, {"a\u202eb\x1b\xff\n", `a\u202eb\x1b\xff\n`},
		{strings.Repeat("é", 300), strings.Repeat("é", 200) + "…"},
		{strings.Repeat("x", 399) + "é", strings.Repeat("x", 399) + "…"},
	} {
		if got := fit(c.text); got != c.want {
			t.Errorf("%q: got %q; want %q", c.text, got, c.want)
		}
	}
}

// What is shown is a copy: the snapshot belongs to others.
func TestTheSnapshotIsLeftAlone(t *testing.T) {
	k := safe()
	k.Host.Roster[0].Prefixes = []string{"10.0.0.0/8"}
	k.Host.Services[0].Name = hostile
	written(t, k)
	if k.Host.Services[0].Name != hostile || len(k.Host.Roster[0].Prefixes) != 1 {
		t.Error("the page changed what it was given")
	}
}

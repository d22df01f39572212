package browser

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// poison is what somebody might put where a program, a unit or a host is named: markup, a script, controls, a change of the
// direction of writing, bytes that are no UTF-8, and a word too long for a line.
const poison = "\"><script>document.title='owned'</script><img src=http://elsewhere.invalid/x onerror=\"document.title='owned'\">" +
	"{{.Hostname}}\x00\x1b[2J\r\n\u202e\xff&lt;b&gt;javascript:document.title='owned'//"

// hostile is a host with poison in every string that anybody could fill, beside those that the page decides by.
func hostile() state {
	s := firing()
	poisoned(reflect.ValueOf(&s.host).Elem())
	poisoned(reflect.ValueOf(&s.events).Elem())
	s.name, s.says = "hostile", nil
	s.host.Firewall.State, s.host.Firewall.Mode = "enforcing", "enforce"
	s.host.Firewall.Revoked = []status.Revocation{{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Time: now(), Why: poison, By: poison}}
	s.host.Firewall.LastDrift = &status.Drift{Time: now(), Kind: poison, By: poison, Changes: []string{poison}, Repair: time.Millisecond}
	for i := range s.host.Services {
		s.host.Services[i].Mode = "enforce"
	}
	return s
}

// poisoned fills every string that can be reached from v; a list that is empty gets one member, of what the host tells.
func poisoned(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(poison)
	case reflect.Pointer:
		if !v.IsNil() {
			poisoned(v.Elem())
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[status.Host]().PkgPath() {
			return // a time, an address: nothing can be smuggled in it
		}
		for i := range v.NumField() {
			poisoned(v.Field(i))
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			poisoned(v.Index(i))
		}
	case reflect.Map:
		poisonedMap(v)
	}
}

func poisonedMap(v reflect.Value) {
	if v.Type().Elem().Kind() != reflect.String {
		return // counts by our own words
	}
	filled := reflect.MakeMap(v.Type())
	filled.SetMapIndex(reflect.ValueOf(poison).Convert(v.Type().Key()), reflect.ValueOf(poison).Convert(v.Type().Elem()))
	v.Set(filled)
}

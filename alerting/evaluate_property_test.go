package alerting

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nakama-warden/nakama-warden/status"
)

// wellFormed holds a condition to what everybody who reads one relies on.
func wellFormed(t *testing.T, c status.Condition) {
	t.Helper()
	oneLine(t, c.Summary, 200)
	oneLine(t, c.Subject, longestSubject)
	if c.Summary == "" || c.For < 0 || c.ClearAfter < 0 || !known(c.Severity) {
		t.Errorf("%+v", c)
	}
}

func oneLine(t *testing.T, text string, most int) {
	t.Helper()
	if n := utf8.RuneCountInString(text); n > most {
		t.Errorf("%d runes, more than %d: %s", n, most, text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(text) {
		t.Errorf("not printable at %d: %q", i, text)
	}
}

// inOrder says that conditions are sorted, and that no two are the same alert.
func inOrder(t *testing.T, conditions []status.Condition) {
	t.Helper()
	if !slices.IsSortedFunc(conditions, worstFirst) {
		t.Errorf("not sorted: %q", notation(conditions))
	}
	keys := map[string]bool{}
	for _, c := range conditions {
		if key := c.Name + "\x00" + c.Subject; keys[key] {
			t.Errorf("twice: %q", notation(conditions))
		} else {
			keys[key] = true
		}
	}
}

func evaluated(t *testing.T, h status.Host, s Settings) {
	t.Helper()
	conditions := Evaluate(h, s)
	if again := Evaluate(h, s); !slices.Equal(conditions, again) {
		t.Errorf("%q, and then %q", notation(conditions), notation(again))
	}
	inOrder(t, conditions)
	for _, c := range conditions {
		wellFormed(t, c)
	}
}

// Whatever a host is, and whatever its processes call themselves: the sentences keep their form.
func TestEvaluateOfAnyHost(t *testing.T) {
	raised := map[string]bool{}
	for seed := range uint64(400) {
		var h status.Host
		fill(rand.New(rand.NewPCG(seed, 6)), reflect.ValueOf(&h).Elem())
		for _, c := range Evaluate(h, Settings{}) {
			raised[c.Name] = true
		}
		evaluated(t, h, Settings{})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if all := len(Catalogue()); len(raised) != all {
		t.Errorf("random hosts raise %d conditions of %d: they are not random enough", len(raised), all)
	}
}

// What to do stands last, and is still there after the longest of names.
func TestLongTextsDoNotCrowdOutWhatToDo(t *testing.T) {
	for _, cases := range [][]raised{fenceCases(), rosterCases(), serviceCases(), memoryCases(), capacityCases(), agentCases()} {
		for _, c := range cases {
			h := healthy()
			c.change(&h)
			lengthen(reflect.ValueOf(&h).Elem())
			for _, found := range Evaluate(h, Settings{}) {
				whole := []string{"HostUndersized", "RolesShareHost", "CockroachMemoryMisconfigured"} // the fact is all there is
				if !slices.Contains(whole, found.Name) && strings.HasSuffix(found.Summary, ellipsis) {
					t.Errorf("%s: %s: cut at its end: %s", c.what, found.Name, found.Summary)
				}
			}
		}
	}
}

// words are what a random string is made of: those that mean something, and those that mean harm.
func words() []string {
	return []string{"", "enforce", "audit", "enforcing", "failed", "removed", "paused", "host", "cgroup /a", "nakama", "cockroachdb", "dropped",
		"\x1b[2J\x1b[1;1H", "evil\u202egnp.exe", "a\nb\r\n\nc", "\xff\xfe", strings.Repeat("長", 300), "<!channel> `rm`", "%s%d%!", "\x00", strings.Repeat("x ", 300)}
}

// fill makes a value of anything.
func fill(r *rand.Rand, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		times := [...]time.Time{{}, noon, noon.Add(-time.Minute), time.Unix(math.MaxInt64>>1, 0), time.Unix(math.MinInt64>>1, 0)}
		v.Set(reflect.ValueOf(times[r.IntN(len(times))]))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(r, v.Field(i))
			}
		}
	case reflect.Pointer:
		if r.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]uint64]() {
			v.Set(reflect.ValueOf(map[string]uint64{words()[r.IntN(len(words()))]: r.Uint64()}))
		}
	case reflect.String:
		v.SetString(words()[r.IntN(len(words()))])
	case reflect.Bool:
		v.SetBool(r.IntN(2) > 0)
	case reflect.Float64:
		v.SetFloat([...]float64{0, -1, 1.2, 1e300, math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(7)])
	case reflect.Int, reflect.Int64:
		v.SetInt([...]int64{0, 1, 5, math.MaxInt32, math.MinInt32}[r.IntN(5)])
	case reflect.Uint16, reflect.Uint64:
		v.SetUint([...]uint64{0, 1, 4e4, 6e4}[r.IntN(4)])
		if v.Kind() == reflect.Uint64 && r.IntN(4) == 0 {
			v.SetUint(r.Uint64())
		}
	}
}

// lengthen makes long what comes from outside: every string that is not a word of ours.
func lengthen(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				lengthen(v.Field(i))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			lengthen(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			lengthen(v.Index(i))
		}
	case reflect.String:
		if text := v.String(); text != "" && !slices.Contains(words(), text) {
			v.SetString(text + strings.Repeat(" and so on", 50))
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	for _, cases := range [][]raised{fenceCases(), rosterCases(), serviceCases(), memoryCases(), capacityCases(), agentCases()} {
		for _, c := range cases {
			h := healthy()
			c.change(&h)
			text, err := json.Marshal(h)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, 0.5, 1.0)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, threshold, scale float64) {
		var h status.Host
		if json.Unmarshal(text, &h) != nil {
			return
		}
		s := Settings{HoldScale: scale, Overrides: map[string]Override{}}
		for _, d := range Catalogue() {
			s.Overrides[d.Name] = Override{Threshold: &threshold}
		}
		evaluated(t, h, s)
	})
}

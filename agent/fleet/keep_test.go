package fleet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

// hosts returns 10.0.0.from … 10.0.0.to, an entry each.
func hosts(from, to int) []netip.Prefix {
	var all []netip.Prefix
	for i := from; i <= to; i++ {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32))
	}
	return all
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return union(all)
}

func TestKeepingRules(t *testing.T) {
	// A step says what the file answers after some minutes, or that a person accepts; then how many entries are in force and held.
	type step struct {
		minutes     int
		answer      []netip.Prefix
		accept      bool
		force, held int
	}
	for name, test := range map[string]struct {
		static []netip.Prefix
		steps  []step
	}{
		"additions apply at once":               {nil, []step{{0, hosts(1, 2), false, 2, 0}, {0, hosts(1, 90), false, 90, 0}}},
		"never known to have any starts empty":  {nil, []step{{0, nil, false, 0, 0}, {5, nil, false, 0, 0}, {5, hosts(1, 1), false, 1, 0}}},
		"half may leave":                        {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 5), false, 5, 0}}},
		"more than half waits":                  {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 4), false, 10, 6}}},
		"all wait":                              {nil, []step{{0, hosts(1, 1), false, 1, 0}, {5, nil, false, 1, 1}}},
		"in steps within an hour":               {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 6), false, 6, 0}, {50, hosts(1, 4), false, 6, 2}}},
		"in steps over hours":                   {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 6), false, 6, 0}, {70, hosts(1, 4), false, 4, 0}}},
		"level for hours is not forgotten":      {nil, []step{{0, hosts(1, 10), false, 10, 0}, {600, hosts(1, 4), false, 10, 6}}},
		"waiting does not end by itself":        {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 6), false, 6, 0}, {5, hosts(1, 4), false, 6, 2}, {300, hosts(1, 4), false, 6, 2}}},
		"additions apply beside what waits":     {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 2), false, 10, 8}, {5, hosts(1, 2), false, 10, 8}, {5, append(hosts(1, 2), hosts(20, 21)...), false, 12, 8}}},
		"an answer that is no loss ends it":     {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 2), false, 10, 8}, {5, hosts(1, 9), false, 9, 0}}},
		"a rolling replacement ends it":         {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(21, 22), false, 12, 10}, {5, hosts(21, 25), false, 5, 0}}},
		"a person's word ends it":               {nil, []step{{0, hosts(1, 10), false, 10, 0}, {5, hosts(1, 2), false, 10, 8}, {5, nil, true, 2, 0}, {5, hosts(1, 1), false, 1, 0}}},
		"static entries count":                  {prefixes("10.1.0.0/24", "10.2.0.0/24"), []step{{0, hosts(1, 2), false, 4, 0}, {5, nil, false, 2, 0}}},
		"static entries are few":                {prefixes("10.1.0.0/24"), []step{{0, hosts(1, 3), false, 4, 0}, {5, nil, false, 4, 3}}},
		"what a wider prefix covers waits not":  {nil, []step{{0, hosts(0, 255), false, 256, 0}, {5, prefixes("10.0.0.0/24"), false, 1, 0}}},
		"what is named as static too waits not": {hosts(1, 3), []step{{0, hosts(1, 9), false, 9, 0}, {5, nil, false, 9, 6}}},
	} {
		t.Run(name, func(t *testing.T) {
			now := noon()
			r := record{}.declare(test.static, []string{"file"})
			for i, s := range test.steps {
				now = now.Add(time.Duration(s.minutes) * time.Minute)
				if s.accept {
					r = r.accept()
				} else {
					r = r.answered(now, map[string][]netip.Prefix{"file": s.answer})
				}
				if got := [2]int{len(r.inForce()), len(r.held())}; got != [2]int{s.force, s.held} {
					t.Fatalf("step %d: %d in force, %d held; want %d, %d\n%+v", i, got[0], got[1], s.force, s.held, r)
				}
				if (r.heldReason("g") != "") != (s.held > 0) {
					t.Errorf("step %d: reason %q", i, r.heldReason("g"))
				}
			}
		})
	}
}

func TestAPersonsWord(t *testing.T) {
	start := record{}.declare(hosts(101, 110), []string{"a", "b"})
	start = start.answered(noon(), map[string][]netip.Prefix{"a": hosts(1, 6), "b": hosts(11, 16)})
	shrunk := start.answered(noon(), map[string][]netip.Prefix{"a": nil, "b": nil})
	if len(shrunk.inForce()) != 22 || len(shrunk.held()) != 12 {
		t.Fatalf("setup: %+v", shrunk)
	}
	for name, test := range map[string]struct {
		from        record
		static      []netip.Prefix
		patterns    []string
		force, held int
	}{
		"nothing changes":              {start, hosts(101, 110), []string{"a", "b"}, 22, 0},
		"static entries leave at once": {start, nil, []string{"a", "b"}, 12, 0},
		"static entries are replaced":  {start, hosts(201, 202), []string{"a", "b"}, 14, 0},
		"a source leaves at once":      {start, hosts(101, 110), []string{"b"}, 16, 0},
		"all leave at once":            {start, nil, nil, 0, 0},
		"what is held stays":           {shrunk, nil, []string{"a", "b"}, 12, 12},
		"its source goes, and it":      {shrunk, hosts(101, 110), []string{"a"}, 16, 6},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.from.declare(test.static, test.patterns)
			if got := [2]int{len(r.inForce()), len(r.held())}; got != [2]int{test.force, test.held} {
				t.Errorf("%d in force, %d held; want %d, %d\n%+v", got[0], got[1], test.force, test.held, r)
			}
		})
	}
	t.Run("it is no loss to measure by", func(t *testing.T) {
		r := start.answered(noon(), nil) // now the size of 22 is remembered
		r = r.declare(nil, []string{"a", "b"})
		r = r.answered(noon().Add(time.Minute), map[string][]netip.Prefix{"a": nil})
		if len(r.inForce()) != 6 || len(r.held()) != 0 {
			t.Errorf("6 of 12 left: %d in force, %d held", len(r.inForce()), len(r.held()))
		}
		r = r.answered(noon().Add(2*time.Minute), map[string][]netip.Prefix{"b": hosts(11, 12)})
		if len(r.held()) != 4 {
			t.Errorf("2 of 12 left: %d held, want 4", len(r.held()))
		}
	})
}

// Whatever files answer, and without a person's word: what they name is in force, the group does not become empty, and what
// leaves leaves more than half of the last hour's largest size behind.
func TestKeepingProperty(t *testing.T) {
	type past struct {
		at   time.Time
		size int
	}
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		r := record{}.declare(hosts(200, 200+random.IntN(4)-1), []string{"a", "b"})
		now, history, frozen := noon(), []past{{noon(), len(r.inForce())}}, 0
		for step := range 60 {
			now = now.Add(time.Duration(random.IntN(2400)) * time.Second)
			answers := map[string][]netip.Prefix{}
			for _, pattern := range []string{"a", "b"} {
				if from := random.IntN(30); random.IntN(4) > 0 {
					answers[pattern] = hosts(from, from+random.IntN(25)-1)
				}
			}
			text, _ := json.Marshal(r)
			before := r
			r = r.answered(now, answers)
			if after, _ := json.Marshal(before); string(after) != string(text) {
				t.Fatal("answered changed the record it was called on")
			}

			largestSize := 0 // a size was in force until the next one came
			for i, h := range history {
				if i+1 == len(history) || now.Sub(history[i+1].at) < shrinkWindow {
					largestSize = max(largestSize, h.size)
				}
			}
			if len(before.held()) > 0 {
				largestSize = frozen
			}
			fail := func(why string) {
				t.Fatalf("seed %d, step %d: %s\nbefore %+v\nafter %+v", seed, step, why, before, r)
			}
			force := r.inForce()
			for _, a := range answers {
				if len(without(a, force)) > 0 {
					fail("an addition is not in force")
				}
			}
			if len(force) == 0 && len(before.inForce()) > 0 {
				fail("the group became empty")
			}
			if left := without(before.inForce(), force); len(left) > 0 && 2*len(force) < largestSize {
				fail(fmt.Sprintf("%d left, %d stay of %d", len(left), len(force), largestSize))
			}
			if len(without(before.held(), union(force))) > 0 && len(r.held()) > 0 {
				fail("something held left while the rest is held")
			}
			if len(r.held()) > 0 && len(before.held()) == 0 {
				frozen = largestSize
			}
			history = append(history, past{now, len(force)})
		}
		if got := r.accept(); len(got.held()) != 0 || !slices.Equal(got.inForce(), union(got.Static, got.Files["a"].Good, got.Files["b"].Good)) {
			t.Fatalf("seed %d: accept left %+v", seed, got)
		}
	}
}

func TestSizesAreBounded(t *testing.T) {
	var sizes []size
	now := noon()
	for i := range 20000 {
		now = now.Add(time.Second)
		sizes = remember(sizes, size{now, i % 1000})
	}
	if len(sizes) > 61 {
		t.Errorf("%d sizes are remembered of an hour", len(sizes))
	}
	if largest(sizes) != 999 {
		t.Errorf("largest is %d", largest(sizes))
	}
	if sizes = remember(sizes, size{noon().Add(-time.Hour), 5}); largest(sizes) != 5 {
		t.Errorf("sizes of the future are kept: %v", sizes)
	}
}

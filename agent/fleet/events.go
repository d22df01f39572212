package fleet

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// mostNamed bounds the addresses that an event names.
const mostNamed = 20

// rosterChanged tells the difference of two sorted lists of entries, if there is one.
func rosterChanged(now time.Time, group string, before, after []netip.Prefix) (e status.Event, changed bool) {
	added, removed := without(after, before), without(before, after)
	if len(added)+len(removed) == 0 {
		return e, false
	}
	e = status.Event{Time: now, Kind: status.KindRosterChanged,
		Summary: fmt.Sprintf("group %s: %d added, %d removed, %d in all", group, len(added), len(removed), len(after)),
		Fields:  map[string]string{"group": group}}
	if len(added) > 0 {
		e.Fields["added"] = listed(added)
	}
	if len(removed) > 0 {
		e.Fields["removed"] = listed(removed)
	}
	return e, true
}

func rosterHeld(now time.Time, group string, rec record) status.Event {
	return status.Event{Time: now, Kind: status.KindRosterHeld, Summary: fmt.Sprintf("group %s: %s", group, rec.heldReason(group)),
		Fields: map[string]string{"group": group, "held": listed(rec.held())}}
}

func sourceFailed(now time.Time, group, source, problem string) status.Event {
	return status.Event{Time: now, Kind: status.KindSourceFailed,
		Summary: fmt.Sprintf("group %s: %s failed: %s", group, source, problem),
		Fields:  map[string]string{"group": group, "source": source, "problem": problem}}
}

func sourceBack(now time.Time, group, source string) status.Event {
	return status.Event{Time: now, Kind: status.KindSourceBack, Summary: fmt.Sprintf("group %s: %s answers again", group, source),
		Fields: map[string]string{"group": group, "source": source}}
}

func storeDegraded(now time.Time, problem string) status.Event {
	return status.Event{Time: now, Kind: status.KindStoreDegraded, Summary: problem}
}

func listed(prefixes []netip.Prefix) string {
	list := strings.Join(texts(prefixes[:min(len(prefixes), mostNamed)]), ", ")
	if more := len(prefixes) - mostNamed; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// texts writes single addresses without their length.
func texts(prefixes []netip.Prefix) []string {
	var all []string
	for _, p := range prefixes {
		if p.IsSingleIP() {
			all = append(all, p.Addr().String())
		} else {
			all = append(all, p.String())
		}
	}
	return all
}

// compareSources sorts files/10 behind files/9.
func compareSources(a, b string) int {
	typeA, indexA, _ := strings.Cut(a, "/")
	typeB, indexB, _ := strings.Cut(b, "/")
	return cmp.Or(cmp.Compare(typeA, typeB), cmp.Compare(len(indexA), len(indexB)), cmp.Compare(indexA, indexB))
}

package discovery

import (
	"fmt"
	"strings"
	"testing"
)

// Each line is an Update: what runs (unit:program:pid@start), then the words it must answer with.
func TestFollower(t *testing.T) {
	for name, story := range map[string]string{
		"comes, stays, goes, comes back": `
			a:nakama:1@10                 = +a
			a:nakama:1@10                 =
			                              = -a
			                              =
			a:nakama:2@20                 = *a`,
		"restarted at once, also under its old number": `
			a:nakama:1@10                 = +a
			a:nakama:2@20                 = *a
			a:nakama:2@30                 = *a`,
		"several by hand": `
			nakama:nakama:9@10 nakama:nakama:3@20 = +nakama +nakama-2
			nakama:nakama:3@20                    = -nakama
			nakama:nakama:3@20 nakama:nakama:1@30 = *nakama
			nakama:nakama:1@30                    = -nakama-2
			nakama:nakama:1@30 nakama:nakama:7@40 nakama:nakama:8@50 = *nakama-2 +nakama-3`,
		"two at the same instant": `
			nakama:nakama:9@10 nakama:nakama:3@10 = +nakama +nakama-2`,
		"two programs in one container keep their names": `
			box:nakama:1@10 box:cockroach:2@20 = +box +box-2
			                                   = -box -box-2
			box:cockroach:3@30 box:nakama:4@40 = *box-2 *box`,
		"a name that looks numbered": `
			a:nakama:1@10 a-2:nakama:2@20 a:nakama:3@30 = +a +a-2 +a-3`,
	} {
		f := &Follower{}
		for update := range strings.SplitSeq(strings.TrimSpace(story), "\n") {
			running, want, _ := strings.Cut(update, "=")
			appeared, vanished, restarted := f.Update(parseFound(t, running))
			got := said("*", restarted) + said("+", appeared) + said("-", vanished)
			if strings.TrimSpace(got) != strings.TrimSpace(want) {
				t.Errorf("%s: %s\ngot %q", name, strings.TrimSpace(update), got)
			}
			if len(f.Running()) != len(strings.Fields(running)) {
				t.Errorf("%s: %s: running %v", name, update, f.Running())
			}
		}
	}
}

func parseFound(t *testing.T, text string) []Found {
	t.Helper()
	var all []Found
	for word := range strings.FieldsSeq(text) {
		var p Found
		parts := strings.Split(word, ":")
		p.Unit, p.Program = parts[0], parts[1]
		if _, err := fmt.Sscanf(parts[2], "%d@%d", &p.PID, &p.StartTicks); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func said(mark string, all []Found) string {
	var words strings.Builder
	for _, p := range all {
		words.WriteString(" " + mark + p.Unit)
	}
	return words.String()
}

func TestFollowerForgets(t *testing.T) {
	f := &Follower{}
	f.Update([]Found{{Unit: "lasting", Program: "nakama", PID: 1, StartTicks: 1}})
	for i := range 3 * mostRemembered {
		f.Update([]Found{
			{Unit: "lasting", Program: "nakama", PID: 1, StartTicks: 1},
			{Unit: fmt.Sprint("container-", i), Program: "nakama", PID: 2, StartTicks: uint64(i + 2)},
		})
	}
	if len(f.last) > mostRemembered+2 {
		t.Errorf("%d units are remembered", len(f.last))
	}
	if _, known := f.last["lasting"]; !known {
		t.Error("one that runs was forgotten")
	}
}

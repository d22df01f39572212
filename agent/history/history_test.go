package history

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

func TestAStepIsItsMost(t *testing.T) {
	r := newRig(t)
	r.see(9*time.Second, nakama(100))
	r.see(time.Second, nakama(170))
	r.see(20*time.Second, nakama(50))
	r.want(noon(), "170 2×50")
	h := r.ask(status.HistoryQuery{Step: 5 * time.Minute, Since: noon()})
	if got := line(h.Units[0].Connections); got != "170" {
		t.Errorf("in 5 minutes %s", got)
	}
	u := h.Units[0]
	if *u.Memory[0] != 170*4096 || *u.Limit[0] != 3<<30 || u.Fits[0] != nil {
		t.Errorf("memory %s, limit %s, fits %s", line(u.Memory), line(u.Limit), line(u.Fits))
	}
}

func TestOfWhatFitsAndWhatLimitsTheLastCounts(t *testing.T) {
	r := newRig(t)
	u := nakama(100)
	for _, fits := range []uint64{3000, 2000, 2500} {
		u.Capacity = &status.Capacity{Known: true, Fits: fits}
		u.Memory.Limit = fits * 4096
		r.see(2*time.Second, u)
	}
	u.Capacity = &status.Capacity{Fits: 9000} // not known: a bound of low confidence
	r.see(time.Second, u)
	h := r.ask(status.HistoryQuery{Since: noon()})
	if got := line(h.Units[0].Fits) + ", " + line(h.Units[0].Limit); got != "2500, 10240000" {
		t.Error(got)
	}
}

func TestWhatIsNotKnownIsNull(t *testing.T) {
	r := newRig(t)
	silent := status.Unit{Name: "cockroach", Role: "cockroachdb", Memory: status.Memory{Resident: 4096}}
	impossible := nakama(1 << 60)
	r.see(10*time.Second, silent)
	r.see(10*time.Second, nakama(0))
	r.at = r.at.Add(20 * time.Second)
	r.see(10*time.Second, impossible)
	h := r.ask(status.HistoryQuery{Since: noon(), Step: 10 * time.Second})
	got := ""
	for _, u := range h.Units {
		got += fmt.Sprintf("%s: %s | %s\n", u.Name, line(u.Connections), line(u.Memory))
	}
	// No process has no memory: that it has none is not known.
	if want := "cockroach: 5×- | 4096 4×-\nnakama.service: - 0 3×- | 5×-\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	text, err := json.Marshal(h)
	if err != nil || !strings.Contains(string(text), `"connections":[null,0,null,null,null]`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestARestartGoesOn(t *testing.T) {
	r := newRig(t)
	r.see(4*time.Minute, nakama(170))
	r.store()
	r.restart()
	r.see(4*time.Minute, nakama(50)) // into the step of 5 min that was half done
	r.want(noon(), "24×170 24×50")
	h := r.ask(status.HistoryQuery{Since: noon(), Step: 5 * time.Minute})
	if got := line(h.Units[0].Connections); got != "170 50" {
		t.Errorf("in 5 minutes %s", got)
	}
	r.see(time.Hour, nakama(60))
	r.store()
	r.restart()
	r.want(noon(), "24×170 24×50 360×60")
}

func TestOnlyWhatHasChangedIsStoredAndAllAtOnce(t *testing.T) {
	r := newRig(t)
	r.store()
	if r.disk.writes != 0 {
		t.Error("nothing was stored")
	}
	r.see(time.Hour+time.Second, nakama(1)) // the hour that ended, the one that begins, the day
	r.store()
	if len(r.disk.values) != 3 || r.disk.writes != 1 {
		t.Errorf("%d chunks in %d writes; want 3 in one", len(r.disk.values), r.disk.writes)
	}
	r.disk.values = map[string]string{}
	r.see(time.Second, nakama(1))
	r.store()
	if len(r.disk.values) != 2 {
		t.Errorf("%d chunks; want the two that are being filled", len(r.disk.values))
	}
}

func TestAFullDiskLosesNothingOnceThereIsSpace(t *testing.T) {
	r := newRig(t)
	r.disk.full = true
	for range 3 {
		r.see(time.Hour, nakama(7))
		if err := r.Store(); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Fatalf("%v", err)
		}
	}
	r.want(noon(), "1080×7")
	r.disk.full = false
	r.store()
	r.restart()
	r.want(noon(), "1080×7")
}

func TestMoreUnitsThanAChunkHasPlacesFor(t *testing.T) {
	r := newRig(t)
	var units []status.Unit
	for i := range mostUnits + 6 {
		u := nakama(uint64(i))
		u.Name = fmt.Sprintf("container-%03d", i)
		units = append(units, u)
	}
	units[3].Name = strings.Repeat("n", longestName+1)
	r.see(30*time.Minute, units...)
	h := r.ask(status.HistoryQuery{Since: noon()})
	if len(h.Units) != mostUnits || h.Units[3].Name != "container-004" {
		t.Errorf("%d units, the fourth %.20s", len(h.Units), h.Units[3].Name)
	}
	if said := strings.Count(r.said.String(), "no place for so many units"); said != 2 {
		t.Errorf("said %d times; want once for each grain", said)
	}
	r.store()
	r.restart()
	if h = r.ask(status.HistoryQuery{Since: noon()}); len(h.Units) != mostUnits {
		t.Errorf("after a restart %d units", len(h.Units))
	}
}

func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	r := newRig(t)
	r.see(2*time.Hour, nakama(7))
	r.store()
	hour := int(noon().Unix() / 3600 % 25)
	first, second := fmt.Sprintf("history/10s/%02d", hour), fmt.Sprintf("history/10s/%02d", hour+1)
	whole := r.disk.values[first]
	data, err := base64.StdEncoding.DecodeString(strings.Trim(whole, `"`))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	for name, value := range map[string]string{
		"a flipped bit":   `"` + base64.StdEncoding.EncodeToString(data) + `"`,
		"another shape":   `{"chunks":[]}`,
		"another place":   r.disk.values[second],
		"an empty value":  `""`,
		"not even base64": `"%"`,
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			r.said.Reset()
			r.disk.values[first] = value
			r.restart()
			if said := r.said.String(); !strings.Contains(said, "left out") || !strings.Contains(said, strings.TrimPrefix(first, "history/")) {
				t.Errorf("said %q", said)
			}
			r.want(noon(), "360×- 360×7") // the first hour is gone, the second is there
		})
	}
}

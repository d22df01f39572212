package capacity

import (
	"os"
	"testing"
)

func recorded(t testing.TB, name string) Trace {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := ReadTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestX(t *testing.T) {
	for _, name := range []string{"nakama-rss-main.csv", "nakama-rss-bare.csv"} {
		trace := recorded(t, name)
		for _, upTo := range []uint64{1000, 2000, 4000, 6000, 8000, 12000, 1e6} {
			cut := trace
			for i, s := range trace {
				if s.Connections > upTo+100 {
					cut = trace[:i]
					break
				}
			}
			m := cut.Model(0)
			mean, upper := m.At(12000)
			known, why := m.Known()
			t.Logf("%s %d: %d windows mean %.1f upper %.1f (%.1f%% of 965) base %.1f per %.0f %v %s %+v", name, upTo, m.Day.Windows, mean/1e6, upper/1e6, 100*(mean/965.4e6-1), m.Base()/1e6, m.BytesPerConnection(), known, why, m.Day.Bias)
		}
	}
}

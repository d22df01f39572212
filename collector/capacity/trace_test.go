package capacity

import (
	"strings"
	"testing"
	"time"
)

func TestReadTrace(t *testing.T) {
	trace, err := ReadTrace(strings.NewReader("\ufeffrss_bytes, phase ,connections,t_seconds\r\n1000,a,5,0\r\n2000,b,6.0,1.5\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Trace{{Time: time.Unix(0, 0).UTC(), Connections: 5, Memory: 1000}, {Time: time.Unix(1, 5e8).UTC(), Connections: 6, Memory: 2000}}
	if len(trace) != 2 || trace[0] != want[0] || trace[1] != want[1] {
		t.Errorf("%v, want %v", trace, want)
	}
}

func TestReadTraceRefuses(t *testing.T) {
	const header = "t_seconds,connections,rss_bytes\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "it is empty"},
		{"no samples", header, "no samples"},
		{"missing column", "t_seconds,connections\n0,1\n", "no column rss_bytes"},
		{"missing columns", "a,b\n0,1\n", "no column connections, rss_bytes, t_seconds"},
		{"NaN", header + "0,1,1\n1,NaN,1\n", `line 3: connections is "NaN"`},
		{"infinite", header + "Inf,1,1\n", `line 2: t_seconds is "Inf"`},
		{"negative", header + "0,1,-5\n", `line 2: rss_bytes is "-5"`},
		{"too much", header + "0,1,1e30\n", "rss_bytes"},
		{"not a number", header + "0,,1\n", `connections is ""`},
		{"unsorted", header + "5,1,1\n4,1,1\n", "line 3: t_seconds goes back"},
		{"short row", header + "5,1\n", "wrong number of fields"},
		{"quotes", header + "\"5,1\n", "read trace"},
	} {
		if _, err := ReadTrace(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want … %s …", c.name, err, c.want)
		}
	}
}

func TestTraceIsBounded(t *testing.T) {
	const two = "t_seconds,connections,rss_bytes\n0,1,1\n1,1,1\n"
	if _, err := readTrace(strings.NewReader(two), 2); err != nil {
		t.Error(err)
	}
	if _, err := readTrace(strings.NewReader(two), 1); err == nil || !strings.Contains(err.Error(), "more than 1 samples") {
		t.Errorf("two samples where one is the most: %v", err)
	}
}

func TestTraceWindow(t *testing.T) {
	long := Trace{{Time: epoch()}, {Time: epoch().Add(time.Hour)}}
	if got := long.Window(); got != 5*time.Minute {
		t.Errorf("an hour: %v", got)
	}
	long[1].Time = long[1].Time.Add(-time.Second)
	if got := long.Window(); got != 20*time.Second {
		t.Errorf("less than an hour: %v", got)
	}
	if got := (Trace{}).Window(); got != 20*time.Second {
		t.Errorf("nothing: %v", got)
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add("t_seconds,connections,rss_bytes\n0,1,60000000\n10,1,60000000\n25,900,120000000\n40,900,120000000\n")
	f.Add("rss_bytes,t_seconds,connections\n1e15,9e9,1e9\n")
	f.Fuzz(func(t *testing.T, text string) {
		trace, err := ReadTrace(strings.NewReader(text))
		if err != nil {
			return
		}
		sensible(t, trace.Model(0))
		sensible(t, trace.Model(time.Nanosecond))
	})
}

package culprit

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// message is a process event as the kernel sends it.
func message(what, mark uint32, body ...uint32) []byte {
	b := make([]byte, offsetBody)
	binary.NativeEndian.PutUint32(b[offsetIndex:], indexProc)
	binary.NativeEndian.PutUint32(b[offsetValue:], valueProc)
	binary.NativeEndian.PutUint32(b[offsetMark:], mark)
	binary.NativeEndian.PutUint32(b[offsetEvent:], what)
	for _, word := range body {
		b = binary.NativeEndian.AppendUint32(b, word)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

func TestParseEvent(t *testing.T) {
	foreign := message(eventExec, 0, 7, 7)
	foreign[offsetIndex]++
	const fork = 1
	for _, tt := range []struct {
		what    string
		message []byte
		want    event
	}{
		{"a program by a thread", message(eventExec, 0, 8, 7), event{what: eventExec, pid: 7}},
		{"confirmed", message(eventNone, 9, 0, 0), event{mark: 9}},
		{"refused", message(eventNone, 9, uint32(unix.EPERM), 0), event{mark: 9, errno: unix.EPERM}},
		{"a fork", message(fork, 0, 7, 7, 8, 8), event{}},
		{"not of the process connector", foreign, event{}},
		{"cut off", message(eventExec, 0, 8, 7)[:offsetBody+4], event{}},
		{"longer than it is", append(binary.NativeEndian.AppendUint32(nil, 500), message(eventExec, 0, 8, 7)[4:]...), event{}},
		{"nothing", nil, event{}},
	} {
		if got := parseEvent(tt.message); got != tt.want {
			t.Errorf("%s: got %+v; want %+v", tt.what, got, tt.want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for text, want := range map[string]struct {
		pid int
		uid uint32
		ok  bool
	}{
		"Name:\tnft\nTgid:\t34\nPid:\t35\nUid:\t1000\t0\t0\t0\n": {34, 1000, true},
		"Name:\tnft\nTgid:\t34\nUid:\t42949":                     {}, // cut off within a number
		"Name:\tnft\nTgid:\t34\n":                                {},
		"Name:\tnft\nTgid:\t\nUid:\t0\n":                         {},
		"Name:\tTgid:\t34\nUid:\t0\t0\t0\t0\n":                   {},
		"":                                                       {},
	} {
		pid, uid, ok := parseStatus([]byte(text))
		if pid != want.pid || uid != want.uid || ok != want.ok {
			t.Errorf("%q: got %d, %d, %v; want %+v", text, pid, uid, ok, want)
		}
	}
}

func TestClean(t *testing.T) {
	long := strings.Repeat("a", textMost-1)
	for text, want := range map[string]string{
		"nft":                       "nft",
		"/usr/sbin/nft list":        "/usr/sbin/nft list",
		"a\x1b[31mb\nc\td\x00e\x7f": "a[31mbcde",
		"wort\u202etsohg\u200b":     "worttsohg",
		"caf\xe9 café":              "caf café",
		long + "éé":                 long,
		long + "bc":                 long + "b",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: got %q; want %q", text, got, want)
		}
	}
}

func TestFindUser(t *testing.T) {
	const passwd = "# users\nroot:x:0:0:root:/root:/bin/sh\nbroken\nwarden:x:998:998::/:\ntoor:x:0:0::/:\n"
	for number, want := range map[string]string{"0": "root", "998": "warden", "x": "", "7": "", "": ""} {
		if got := findUser(strings.NewReader(passwd), number); got != want {
			t.Errorf("%s: got %q; want %q", number, got, want)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var x executions
	now := time.Unix(1_000_000, 0)
	for i := range 3 * rememberMost / 2 {
		x.add(process{pid: i, comm: "nft", started: uint64(i)}, now)
	}
	if len(x.ring) != rememberMost {
		t.Errorf("%d are remembered; want %d", len(x.ring), rememberMost)
	}
	for pid, want := range map[int]bool{
		rememberMost/2 - 1: false, rememberMost / 2: true, rememberMost: true, 3*rememberMost/2 - 1: true, 3 * rememberMost / 2: false,
	} {
		if _, found := x.find(pid, "nft", 1<<62, now); found != want {
			t.Errorf("process %d: found %v; want %v", pid, found, want)
		}
	}
}

func TestNewestThatFitsIsFound(t *testing.T) {
	var x executions
	start := time.Unix(1_000_000, 0)
	for i, p := range []process{
		{pid: 7, comm: "sh", started: 100, argv0: "first"},
		{pid: 7, comm: "nft", started: 100, argv0: "second"},
		{pid: 7, comm: "nft", started: 900, argv0: "third"},
	} {
		x.add(p, start.Add(time.Duration(i)*time.Second))
	}
	for _, tt := range []struct {
		comm  string
		limit uint64
		since time.Duration
		want  string
	}{
		{"nft", 1000, 0, "third"},
		{"nft", 900, 0, "third"},
		{"nft", 899, 0, "second"},
		{"nft", 899, 2 * time.Second, ""},
		{"nft", 99, 0, ""},
		{"sh", 1000, 0, "first"},
		{"sh", 1000, time.Second, ""},
		{"bash", 1000, 0, ""},
	} {
		if p, found := x.find(7, tt.comm, tt.limit, start.Add(tt.since)); p.argv0 != tt.want || found != (tt.want != "") {
			t.Errorf("%+v: got %q", tt, p.argv0)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add(message(eventExec, 0, 8, 7))
	f.Add(message(eventNone, 9, uint32(unix.EPERM), 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e := parseEvent(b); e.what == eventExec && len(b) < offsetBody+8 {
			t.Errorf("%+v out of %d bytes", e, len(b))
		}
	})
}

func FuzzProc(f *testing.F) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		parseStatus(text)
		if got := clean(string(text)); len(got) > textMost || !utf8.ValidString(got) {
			t.Errorf("clean: %q", got)
		}
	})
}

// BenchmarkExec is what one executed program costs us.
func BenchmarkExec(b *testing.B) {
	pid, _ := stay(b, "benchmark")
	var x executions
	b.ReportAllocs()
	for b.Loop() {
		p, err := readProcess(pid)
		if err != nil {
			b.Fatal(err)
		}
		x.add(p, time.Time{})
	}
}

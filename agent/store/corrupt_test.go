package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// wornFile returns the bytes of a store that was used: branches, inline and large buckets, overflow pages, free pages.
func wornFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "worn")
	s := open(t, path, Options{EventLimit: 700})
	must(t, s.Put("small", "key", "value"))
	must(t, s.Put("large", "key", strings.Repeat("10.0.0.1/32,", 2000)))
	for range 10 {
		must(t, s.AppendEvents(numbered(status.KindDrift, 100)))
	}
	must(t, s.Close())
	raw, err := os.ReadFile(path)
	must(t, err)
	return raw
}

// use opens the store, reads all of it and writes to it, and returns what it told.
func use(t testing.TB, path string) string {
	t.Helper()
	s, err := Open(path, Options{Now: noon, EventLimit: 700})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, s.Close()) }()
	told := s.Problem()
	_, smallErr := s.Get("small", "key", new(string))
	_, largeErr := s.Get("large", "key", new(string))
	_, eventsErr := s.Events(status.EventQuery{})
	for _, err := range []error{smallErr, largeErr, eventsErr, s.Put("large", "other", strings.Repeat("x", 9000)),
		s.AppendEvents(numbered(status.KindStarted, 300))} {
		if errors.Is(err, errBroken) {
			t.Errorf("what was verified broke: %v", err)
		}
	}
	return told
}

func TestDamagedFiles(t *testing.T) {
	whole := wornFile(t)
	if len(whole) < 40*4096 {
		t.Fatalf("the file has only %d bytes", len(whole))
	}
	random := rand.New(rand.NewPCG(1, 2))
	damage := map[string]func(int) []byte{
		"truncated": func(i int) []byte { return whole[:len(whole)*i/60] },
		"garbage": func(i int) []byte {
			raw := bytes.Clone(whole)
			for at := len(raw) * i / 60; at < min(len(raw), len(raw)*i/60+3000); at++ {
				raw[at] = byte(random.Uint32())
			}
			return raw
		},
		"zeroed": func(i int) []byte { raw := bytes.Clone(whole); clear(raw[len(raw)*i/60:]); return raw },
		"page exchanged": func(i int) []byte {
			raw := bytes.Clone(whole)
			copy(raw[i*4096:], raw[4096*(i/2):4096*(i/2+1)])
			return raw
		},
		"bit flipped": func(int) []byte {
			raw := bytes.Clone(whole)
			page := random.IntN(len(raw) / 4096)
			raw[page*4096+random.IntN(200)] ^= 1 << random.IntN(8) // the headers and elements are at a page's begin
			return raw
		},
	}
	for name, make := range damage {
		t.Run(name, func(t *testing.T) {
			told := 0
			for i := range 60 {
				path := filepath.Join(t.TempDir(), "db")
				must(t, os.WriteFile(path, make(i), 0o600))
				if use(t, path) != "" {
					told++
				}
			}
			if told < 10 {
				t.Errorf("only %d of 60 damages were noticed", told)
			}
		})
	}
}

func TestNotADatabase(t *testing.T) {
	for _, text := range []string{"x", "hello world\n", strings.Repeat("{}", 100000)} {
		path := filepath.Join(t.TempDir(), "db")
		must(t, os.WriteFile(path, []byte(text), 0o644))
		if told := use(t, path); !strings.Contains(told, "set aside") {
			t.Errorf("%.10q…: told %q", text, told)
		}
		if told := use(t, path); told != "" {
			t.Errorf("%.10q…: told at the second start: %q", text, told)
		}
	}
}

// A page that is free and in use would be overwritten by the next transaction.
func TestAFreePageThatIsInUse(t *testing.T) {
	raw := wornFile(t)
	m, err := currentMeta(bytes.NewReader(raw))
	must(t, err)
	free := int(m.freelist) * m.pageSize
	if parsePage(raw[free:]).count == 0 {
		t.Fatal("the freelist is empty")
	}
	binary.NativeEndian.PutUint64(raw[free+pageHeaderSize:], m.root)
	if err := verify(bytes.NewReader(raw), int64(len(raw))); !errors.Is(err, errCorrupt) {
		t.Errorf("verify: %v", err)
	}
}

func TestOneMetaPageIsEnough(t *testing.T) {
	for page := range 2 {
		raw := wornFile(t)
		clear(raw[page*4096 : page*4096+100])
		path := filepath.Join(t.TempDir(), "db")
		must(t, os.WriteFile(path, raw, 0o600))
		s := open(t, path, Options{})
		if s.Problem() != "" {
			t.Errorf("without meta page %d: %s", page, s.Problem())
		}
		wantValue(t, s, "small", "key", "value")
	}
}

// A file that somebody truncates while it is mapped makes the next read a fault.
func TestTruncatedWhileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	must(t, os.WriteFile(path, wornFile(t), 0o600))
	s := open(t, path, Options{})
	must(t, os.Truncate(path, 4096))

	if _, err := s.Events(status.EventQuery{}); !errors.Is(err, errBroken) {
		t.Fatalf("Events: %v, want errBroken", err)
	}
	if !strings.Contains(s.Problem(), "memory only") {
		t.Errorf("problem %q", s.Problem())
	}
	must(t, s.Put("small", "key", "again"))
	wantValue(t, s, "small", "key", "again")
	must(t, s.Close())
	if told := use(t, path); !strings.Contains(told, "set aside") {
		t.Errorf("the next start told %q", told)
	}
}

func TestVerifyAcceptsEveryFileWeWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	for i := range 30 {
		s := open(t, path, Options{EventLimit: 300})
		if s.Problem() != "" {
			t.Fatalf("start %d: %s", i, s.Problem())
		}
		must(t, s.AppendEvents(numbered(status.KindDrift, 1+i*17%90)))
		must(t, s.Put("b"+fmt.Sprint(i%7), "key", strings.Repeat("v", i*i*40)))
		must(t, s.Close())
	}
}

// FuzzVerify: what verify lets pass must not break bbolt.
func FuzzVerify(f *testing.F) {
	whole := wornFile(f)
	f.Add(uint32(0), []byte{}, uint32(len(whole)))
	f.Add(uint32(4096*3+8), []byte{2, 0, 255, 255}, uint32(len(whole)))
	f.Add(uint32(4096), make([]byte, 100), uint32(len(whole)-4096))
	path := filepath.Join(f.TempDir(), "db")
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		raw := bytes.Clone(whole)
		if int(at) < len(raw) {
			copy(raw[at:], patch)
		}
		raw = raw[:min(int(size), len(raw))]
		if len(raw) == 0 || verify(bytes.NewReader(raw), int64(len(raw))) != nil {
			return
		}
		must(t, os.WriteFile(path, raw, 0o600))
		use(t, path)
	})
}

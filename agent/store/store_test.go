package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

// open fails the test where Open does and closes the store at the test's end.
func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	if o.Now == nil {
		o.Now = noon
	}
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func numbered(kind string, n int) []status.Event {
	events := make([]status.Event, n)
	for i := range events {
		events[i] = status.Event{Time: noon(), Kind: kind, Summary: fmt.Sprintf("%s %d", kind, i)}
	}
	return events
}

func sequences(events []status.Event) []uint64 {
	var all []uint64
	for _, e := range events {
		all = append(all, e.Sequence)
	}
	return all
}

func wantSequences(t *testing.T, s *Store, q status.EventQuery, want ...uint64) {
	t.Helper()
	events, err := s.Events(q)
	must(t, err)
	if got := sequences(events); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Events(%+v): sequences %v, want %v", q, got, want)
	}
}

func wantValue(t *testing.T, s *Store, bucket, key, want string) {
	t.Helper()
	var got string
	found, err := s.Get(bucket, key, &got)
	if err != nil || !found || got != want {
		t.Errorf("Get(%s, %s) = %q, %v, %v; want %q", bucket, key, got, found, err, want)
	}
}

func TestValuesOutliveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "warden.db")
	s := open(t, path, Options{})
	must(t, s.Put("fleet", "nakama", "10.0.0.1"))
	must(t, s.Put("fleet", "nakama", "10.0.0.2"))
	must(t, s.Close())

	s = open(t, path, Options{})
	wantValue(t, s, "fleet", "nakama", "10.0.0.2")
	if found, err := s.Get("fleet", "absent", new(string)); found || err != nil {
		t.Errorf("absent key: %v, %v", found, err)
	}
	if found, err := s.Get("absent", "absent", new(string)); found || err != nil {
		t.Errorf("absent bucket: %v, %v", found, err)
	}
	if p := s.Problem(); p != "" {
		t.Errorf("problem: %s", p)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestAValueThatNoLongerFits(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	must(t, s.Put("policy", "last", "text"))
	var number int
	found, err := s.Get("policy", "last", &number)
	if found || err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("found %v, error %v", found, err)
	}
}

func TestPutAllKeepsAllOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, Options{})
	must(t, s.Put("history", "kept", "as it was"))
	must(t, s.PutAll("history", map[string]any{"1": "one", "2": "two"}))
	for _, bad := range []struct {
		key   string
		value any
	}{{"3", func() {}}, {"", "bbolt refuses the key"}} {
		if err := s.PutAll("history", map[string]any{"1": "changed", bad.key: bad.value}); err == nil {
			t.Errorf("%+v: PutAll succeeded", bad)
		}
	}
	if err := s.PutAll(eventsBucket, map[string]any{"1": 1}); err == nil {
		t.Error("PutAll into the events succeeded")
	}
	must(t, s.Close())
	s = open(t, path, Options{})
	for key, want := range map[string]string{"kept": "as it was", "1": "one", "2": "two"} {
		wantValue(t, s, "history", key, want)
	}
}

// A small value that fits hides nothing of a large one that does not.
func TestAProblemLastsUntilItsBucketIsWritten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	if err := s.Put("history", "", "no key"); err == nil {
		t.Fatal("Put without a key succeeded")
	}
	must(t, s.Put("other", "key", 1))
	must(t, s.AppendEvents(numbered(status.KindDrift, 1)))
	if s.Problem() == "" {
		t.Error("another bucket's success hides the problem")
	}
	must(t, s.Put("history", "key", 1))
	if s.Problem() != "" {
		t.Errorf("problem %q", s.Problem())
	}
}

func TestReservedBuckets(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	for _, bucket := range []string{"", eventsBucket, markBucket} {
		if err := s.Put(bucket, "key", 1); err == nil {
			t.Errorf("Put into %q succeeded", bucket)
		}
		if _, err := s.Get(bucket, "key", new(int)); err == nil {
			t.Errorf("Get from %q succeeded", bucket)
		}
	}
}

func TestEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, Options{EventLimit: 5})
	batch := numbered(status.KindDrift, 2)
	must(t, s.AppendEvents(batch))
	if batch[1].Sequence != 2 {
		t.Errorf("AppendEvents gave sequence %d, want 2", batch[1].Sequence)
	}
	must(t, s.AppendEvents(numbered(status.KindStarted, 2)))
	must(t, s.Close())

	s = open(t, path, Options{EventLimit: 5})
	must(t, s.AppendEvents(numbered(status.KindDrift, 3)))
	for _, step := range []struct {
		query status.EventQuery
		want  []uint64
	}{
		{status.EventQuery{}, []uint64{3, 4, 5, 6, 7}},
		{status.EventQuery{After: 5}, []uint64{6, 7}},
		{status.EventQuery{After: 7}, nil},
		{status.EventQuery{Limit: 2}, []uint64{6, 7}},
		{status.EventQuery{Kinds: []string{status.KindStarted}}, []uint64{3, 4}},
		{status.EventQuery{Kinds: []string{status.KindStarted}, Limit: 1}, []uint64{4}},
		{status.EventQuery{Kinds: []string{"other"}}, nil},
	} {
		wantSequences(t, s, step.query, step.want...)
	}
	must(t, s.AppendEvents(numbered(status.KindDrift, 12)))
	wantSequences(t, s, status.EventQuery{}, 15, 16, 17, 18, 19)
}

func TestASecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	first := open(t, path, Options{})
	for _, o := range []Options{{}, {ReadOnly: true}} {
		s, err := Open(path, o)
		if !errors.Is(err, ErrLocked) || s != nil {
			t.Errorf("Open with %+v: %v, %v; want ErrLocked", o, s, err)
		}
	}
	must(t, first.Close())
	open(t, path, Options{})
}

func TestTheLockIsAwaited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	first := open(t, path, Options{})
	opened := make(chan error, 1)
	go func() {
		s, err := Open(path, Options{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	must(t, first.Put("a", "b", 1)) // some work while the other waits
	must(t, first.Close())
	must(t, <-opened)
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "db")
	s := open(t, path, Options{ReadOnly: true})
	wantSequences(t, s, status.EventQuery{})
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) || s.Problem() != "" {
		t.Errorf("reading made the directory (%v) or told a problem (%q)", err, s.Problem())
	}
	daemon := open(t, path, Options{})
	must(t, daemon.Put("fleet", "nakama", "10.0.0.1"))
	must(t, daemon.AppendEvents(numbered(status.KindDrift, 3)))
	must(t, daemon.Close())

	s = open(t, path, Options{ReadOnly: true})
	open(t, path, Options{}) // a snapshot holds no lock
	wantValue(t, s, "fleet", "nakama", "10.0.0.1")
	wantSequences(t, s, status.EventQuery{After: 1}, 2, 3)
	if err := s.Put("fleet", "nakama", "x"); err == nil {
		t.Error("Put succeeded")
	}
	if err := s.AppendEvents(numbered(status.KindDrift, 1)); err == nil {
		t.Error("AppendEvents succeeded")
	}
}

func TestAForeignDatabaseIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o644, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("somebody's"))
		return err
	}))
	must(t, db.Close())

	if s := open(t, path, Options{ReadOnly: true}); !strings.Contains(s.Problem(), "another program") {
		t.Errorf("read only: problem %q", s.Problem())
	}
	s := open(t, path, Options{})
	if p := s.Problem(); !strings.Contains(p, "another program") || !strings.Contains(p, path+".corrupt-20300102T120000") {
		t.Errorf("problem %q", p)
	}
	aside, err := filepath.Glob(path + ".corrupt-*")
	must(t, err)
	if len(aside) != 1 {
		t.Errorf("set aside: %v", aside)
	}
	must(t, s.AppendEvents(numbered(status.KindDrift, 1)))
	// Ahead of whatever a follower of the lost file has seen.
	wantSequences(t, s, status.EventQuery{}, uint64(noon().Unix())+1)
	must(t, s.Close())
	if s = open(t, path, Options{}); s.Problem() != "" {
		t.Errorf("the fresh file has a problem: %s", s.Problem())
	}
}

func TestWhereNothingCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	for name, path := range map[string]string{
		"a FIFO":                           filepath.Join(dir, "fifo"),
		"a directory in place of the file": dir,
		"a file in place of the directory": filepath.Join(dir, "file", "db"),
		"a device":                         "/dev/null",
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, path, Options{})
			if !strings.Contains(s.Problem(), "memory only") {
				t.Errorf("problem %q", s.Problem())
			}
			must(t, s.Put("a", "b", "c"))
			wantValue(t, s, "a", "b", "c")
			must(t, s.AppendEvents(numbered(status.KindDrift, 1)))
			wantSequences(t, s, status.EventQuery{}, uint64(noon().Unix())+1)
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"), Options{EventLimit: 20})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 5 {
				key := fmt.Sprintf("%d.%d", i, j)
				if err := errors.Join(s.Put("values", key, key), s.AppendEvents(numbered(key, 2))); err != nil {
					t.Error(err)
				}
				if _, err := s.Events(status.EventQuery{Limit: 3}); err != nil {
					t.Error(err)
				}
				_ = s.Problem()
			}
		})
	}
	wg.Wait()
	wantValue(t, s, "values", "3.4", "3.4")
	if events, _ := s.Events(status.EventQuery{}); len(events) != 20 || events[19].Sequence != 40 {
		t.Errorf("%d events, the last %v", len(events), events[len(events)-1])
	}
}

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// all returns the values of the bucket in the order in which All tells them.
func all(t *testing.T, s *Store, bucket string) string {
	t.Helper()
	var found []string
	must(t, s.All(bucket, func(key string, value json.RawMessage) error {
		found = append(found, key+"="+string(value))
		return nil
	}))
	return strings.Join(found, " ")
}

func wantAll(t *testing.T, s *Store, bucket, want string) {
	t.Helper()
	if got := all(t, s, bucket); got != want {
		t.Errorf("All(%s) = %q, want %q", bucket, got, want)
	}
}

func TestUpdate(t *testing.T) {
	for name, path := range map[string]string{
		"on disk": filepath.Join(t.TempDir(), "db"), "in memory": "/dev/null",
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, path, Options{})
			must(t, s.Update())
			must(t, s.Update(Change{"letters", "b", 2}, Change{"letters", "a", 1}, Change{"state", "now", "x"}, Change{"letters", "c", 3}))
			wantAll(t, s, "letters", "a=1 b=2 c=3")
			wantAll(t, s, "absent", "")
			must(t, s.Update(Change{"letters", "b", nil}, Change{"letters", "absent", nil}, Change{"other", "absent", nil},
				Change{"letters", "a", 4}, Change{"letters", "a", nil}, Change{"letters", "c", nil}, Change{"letters", "c", 5}))
			wantAll(t, s, "letters", "c=5")
			wantValue(t, s, "state", "now", "x")
		})
	}
}

func TestUpdateOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path, Options{})
	must(t, s.Update(Change{"letters", "a", 1}, Change{"letters", "b", 2}))
	must(t, s.Update(Change{"letters", "a", nil}))
	must(t, s.Close())
	wantAll(t, open(t, path, Options{}), "letters", "b=2")
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	must(t, s.Update(Change{"letters", "a", 1}))
	for _, bad := range []Change{
		{eventsBucket, "a", 1}, {markBucket, formatKey, nil}, {"", "a", 1},
		{"letters", "f", func() {}},                    // is no JSON
		{"letters", "", 1},                             // refused by the database, in the midst of the transaction
		{"letters", strings.Repeat("k", 1<<16), "far"}, // so is this
	} {
		if err := s.Update(Change{"letters", "a", 2}, Change{"letters", "b", 2}, bad); err == nil {
			t.Errorf("%.20s/%.20s: no error", bad.Bucket, bad.Key)
		}
		wantAll(t, s, "letters", "a=1")
	}
	must(t, s.Update(Change{"letters", "a", 3}))
	if s.Problem() != "" {
		t.Errorf("problem %q", s.Problem())
	}
}

func TestAllIsASnapshot(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"), Options{})
	for i := range 3 {
		must(t, s.Put("letters", fmt.Sprint(i), i))
	}
	must(t, s.All("letters", func(key string, _ json.RawMessage) error { return s.Update(Change{"letters", key, nil}) }))
	wantAll(t, s, "letters", "")

	must(t, s.Put("letters", "a", 1))
	enough := errors.New("enough")
	if err := s.All("letters", func(string, json.RawMessage) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("All: %v", err)
	}
	if err := s.All(eventsBucket, nil); err == nil {
		t.Error("the store's own buckets were read")
	}
}

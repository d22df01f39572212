package cgroup

import (
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the files say, no level lies outside of its mount, and no number is absurd.
func FuzzRead(f *testing.F) {
	f.Add("0::/a/b\n", "30 23 0:27 / /cg rw - cgroup2 cgroup2 rw\n", "max\n", "anon 5\noom_kill 3\n")
	f.Add("4:memory:/../x\n", `32 23 0:29 /.. /c\040g rw shared:5 - cgroup cgroup rw,memory`, "9223372036854771712\n", "total_rss -1")
	f.Add("0::/..//./a:b\n", `1 1 0:1 /\ /\777 rw - cgroup2 x y`, "0", "anon 99999999999999999999\n")
	f.Fuzz(func(t *testing.T, member, mountinfo, limit, keys string) {
		m, found, err := parseMember([]byte(member))
		if found != (m.version != 0) || (found && err != nil) {
			t.Fatalf("parseMember = %+v, %v, %v", m, found, err)
		}
		for _, mount := range parseMounts([]byte(mountinfo), max(m.version, 1)) {
			levels, seen := mount.levels(m.path)
			if seen != (len(levels) > 0) {
				t.Fatalf("%d levels, seen %v", len(levels), seen)
			}
			for _, level := range levels {
				point := filepath.Clean(mount.point)
				if level.dir != point && !strings.HasPrefix(level.dir, strings.TrimSuffix(point, "/")+"/") {
					t.Fatalf("%q is outside of %q", level.dir, point)
				}
			}
		}
		if n, limited, err := parseLimit([]byte(limit)); limited && (err != nil || n == 0 || n >= unlimited) {
			t.Fatalf("parseLimit(%q) = %d, %v", limit, n, err)
		}
		for key, n := range parseKeys([]byte(keys)) {
			if n > unlimited {
				t.Fatalf("%s is %d", key, n)
			}
		}
	})
}

func FuzzProcess(f *testing.F) {
	f.Add("GOMEMLIMIT=512MiB\x00", "Max open files            1024   524288   files\n")
	f.Add("A=B\x00GOMEMLIMIT=off", "Max open files unlimited")
	f.Add("GOMEMLIMIT=9223372036854775807TiB", "Max open files -1 -1")
	f.Fuzz(func(t *testing.T, environ, limits string) {
		value, err := lookup(strings.NewReader(environ), "GOMEMLIMIT")
		if err == nil && value != "" && !strings.Contains(environ, "GOMEMLIMIT="+value) {
			t.Fatalf("lookup(%q) = %q", environ, value)
		}
		if n, limited, err := parseGoLimit(value); limited && (err != nil || n > 1<<63) {
			t.Fatalf("parseGoLimit(%q) = %d, %v", value, n, err)
		}
		if _, limited, err := parseOpenFiles([]byte(limits)); limited && err != nil {
			t.Fatalf("parseOpenFiles(%q): %v", limits, err)
		}
	})
}

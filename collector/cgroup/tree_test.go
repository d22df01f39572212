package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a procfs and the mounts it tells of, in a folder of the test.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) tree {
	t.Helper()
	// A blank in the mount point must come through the octal writing of mountinfo.
	return tree{t, filepath.Join(t.TempDir(), "a b")}
}

func (f tree) proc() string { return filepath.Join(f.root, "proc") }

func (f tree) write(name, text string) {
	f.t.Helper()
	name = filepath.Join(f.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// fill writes files; in the mount table, @ stands for the folder of the tree.
func (f tree) fill(files map[string]string) {
	f.t.Helper()
	for name, text := range files {
		if strings.HasSuffix(name, "mountinfo") {
			text = strings.ReplaceAll(text, "@", strings.ReplaceAll(f.root, " ", `\040`))
		}
		f.write(name, text)
	}
}

const (
	mountV2 = "30 23 0:27 / @/cg rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountV1 = "31 23 0:28 / @/cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"32 23 0:29 / @/cg/memory rw,nosuid shared:5 - cgroup cgroup rw,memory\n"
	hybrid = "33 23 0:30 / @/cg/unified rw - cgroup2 cgroup2 rw\n"
	gb     = 1 << 30
)

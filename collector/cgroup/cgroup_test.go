package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const unlimitedV1 = "9223372036854771712\n"
	for _, test := range []struct {
		name    string
		files   map[string]string
		total   uint64
		want    Limits
		problem string // part of the error
	}{
		{
			name: "v2: an ancestor binds",
			files: map[string]string{
				"proc/self/mountinfo":                                  mountV2,
				"proc/7/cgroup":                                        "0::/system.slice/nakama.service/payload\n",
				"proc/vmstat":                                          "nr_free_pages 1\noom_kill 9\n",
				"cg/cgroup.procs":                                      "",
				"cg/system.slice/memory.max":                           "8589934592\n",
				"cg/system.slice/nakama.service/memory.max":            "3221225472\n",
				"cg/system.slice/nakama.service/memory.events":         "low 0\noom 4\noom_kill 3\noom_group_kill 0\n",
				"cg/system.slice/nakama.service/payload/memory.max":    "max\n",
				"cg/system.slice/nakama.service/payload/memory.stat":   "anon 1000\nfile 5\nkernel 300\nsock 20\nslab 250\n",
				"cg/system.slice/nakama.service/payload/memory.events": "oom_kill 1\n",
			},
			total: 16 * gb,
			want: Limits{Bytes: 3 * gb, By: "cgroup /system.slice/nakama.service", Known: true, OOMKills: 3, HostOOMKills: 9,
				Anonymous: 1000, Kernel: 320},
		},
		{
			name: "v2: no limit, the host binds; an older kernel names the parts of kernel memory",
			files: map[string]string{
				"proc/self/mountinfo":           mountV2,
				"proc/7/cgroup":                 "0::/nakama.service\n",
				"proc/vmstat":                   "oom_kill 2\n",
				"cg/nakama.service/memory.max":  "max\n",
				"cg/nakama.service/memory.stat": "anon 10\nkernel_stack 1\npagetables 2\npercpu 3\nslab 4\nsock 5\n",
			},
			total: 16 * gb,
			want:  Limits{Bytes: 16 * gb, By: "host", Known: true, OOMKills: 2, HostOOMKills: 2, Anonymous: 10, Kernel: 15},
		},
		{
			name: "v2: a limit above the host's memory is none",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/a\n",
				"cg/a/memory.max": "99999999999\n", "cg/a/memory.stat": "",
			},
			total: 16 * gb,
			want:  Limits{Bytes: 16 * gb, By: "host", Known: true},
		},
		{
			name: "v2: where the controller is not enabled there are no files",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/a/b\n",
				"cg/a/memory.max": "1000000\n", "cg/a/memory.stat": "anon 999999\n", "cg/a/b/cgroup.procs": "",
			},
			total: gb,
			want:  Limits{Bytes: 1000000, By: "cgroup /a", Known: true},
		},
		{
			name: "v2: a container sees a part, its own limit at the top",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/\n",
				"cg/memory.max": "5000\n", "cg/memory.stat": "anon 7\n", "cg/memory.events": "oom_kill 1\n",
			},
			total: gb,
			want:  Limits{Bytes: 5000, By: "cgroup /", Known: true, Hidden: true, OOMKills: 1, Anonymous: 7},
		},
		{
			name: "v2: a mount that shows a part, named from the hierarchy's root",
			files: map[string]string{
				"proc/self/mountinfo": "30 23 0:27 /docker/abc @/cg rw - cgroup2 cgroup2 rw\n",
				"proc/7/cgroup":       "0::/docker/abc/x\n",
				"cg/memory.max":       "5000\n", "cg/x/memory.max": "6000\n", "cg/x/memory.stat": "",
			},
			total: gb,
			want:  Limits{Bytes: 5000, By: "cgroup /docker/abc", Known: true, Hidden: true},
		},
		{
			name: "v2: of two mounts the one that shows more ancestors",
			files: map[string]string{
				"proc/self/mountinfo": "29 23 0:27 /a @/part rw - cgroup2 cgroup2 rw\n" + mountV2,
				"proc/7/cgroup":       "0::/a/b\n",
				"cg/a/memory.max":     "5000\n", "cg/a/b/memory.max": "max\n", "cg/a/b/memory.stat": "",
				"part/b/memory.max": "max\n",
			},
			total: gb,
			want:  Limits{Bytes: 5000, By: "cgroup /a", Known: true},
		},
		{
			name: "v2: both above our own namespace",
			files: map[string]string{
				"proc/self/mountinfo": "30 23 0:27 /.. @/cg rw - cgroup2 cgroup2 rw\n",
				"proc/7/cgroup":       "0::/../x\n",
				"cg/x/memory.max":     "5000\n", "cg/x/memory.stat": "",
			},
			total: gb,
			want:  Limits{Bytes: 5000, By: "cgroup /../x", Known: true},
		},
		{
			name: "v2: outside of what the mount shows",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/../../x\n", "cg/x/memory.max": "5000\n",
			},
			total:   gb,
			want:    Limits{Bytes: gb, By: "host"},
			problem: "no mounted hierarchy shows it",
		},
		{
			name: "v2: a limit that is no number leaves doubt, the others hold",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/a/b\n",
				"cg/a/memory.max": "-5\n", "cg/a/b/memory.max": "7000\n", "cg/a/b/memory.stat": "",
			},
			total:   gb,
			want:    Limits{Bytes: 7000, By: "cgroup /a/b"},
			problem: "is no number of bytes",
		},
		{
			name: "v2: nothing runs under 0 bytes",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/a\n", "cg/a/memory.max": "0\n", "cg/a/memory.stat": "",
			},
			total:   gb,
			want:    Limits{Bytes: gb, By: "host"},
			problem: "a limit of 0 bytes",
		},
		{
			name: "v2: absurd statistics are left out",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/a\n", "cg/a/memory.max": "max\n",
				"cg/a/memory.stat": "anon 18446744073709551615\nkernel 5\nsock -1\n",
			},
			total:   gb,
			want:    Limits{Bytes: gb, By: "host", Known: true, Kernel: 5},
			problem: "more than this host can hold",
		},
		{
			name: "v2: the cgroup was just removed",
			files: map[string]string{
				"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/gone (deleted)\n", "cg/cgroup.procs": "",
			},
			total:   gb,
			want:    Limits{Bytes: gb, By: "host"},
			problem: "no such file",
		},
		{
			name: "v1: the kernel's own minimum, found at its level",
			files: map[string]string{
				"proc/self/mountinfo":             mountV1 + hybrid,
				"proc/7/cgroup":                   "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/a\n",
				"proc/vmstat":                     "oom_kill 8\n",
				"cg/unified/a/x":                  "",
				"cg/memory/memory.limit_in_bytes": unlimitedV1, "cg/memory/a/memory.limit_in_bytes": "4000000\n",
				"cg/memory/a/b/memory.limit_in_bytes": unlimitedV1, "cg/memory/a/b/memory.kmem.usage_in_bytes": "40\n",
				"cg/memory/a/b/memory.kmem.tcp.usage_in_bytes": "2\n",
				"cg/memory/a/b/memory.stat":                    "rss 5\ntotal_rss 6\nhierarchical_memory_limit 4000000\n",
				"cg/memory/a/b/memory.oom_control":             "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
				"cg/memory/a/memory.oom_control":               "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
			},
			total: gb,
			want:  Limits{Bytes: 4000000, By: "cgroup /a", Known: true, OOMKills: 3, HostOOMKills: 8, Anonymous: 6, Kernel: 42},
		},
		{
			name: "v1: ancestors do not bind without use_hierarchy",
			files: map[string]string{
				"proc/self/mountinfo": mountV1, "proc/7/cgroup": "4:memory:/a/b\n",
				"cg/memory/a/memory.limit_in_bytes":   "1000\n",
				"cg/memory/a/b/memory.limit_in_bytes": unlimitedV1,
				"cg/memory/a/b/memory.stat":           "hierarchical_memory_limit " + unlimitedV1,
			},
			total: gb,
			want:  Limits{Bytes: gb, By: "host", Known: true},
		},
		{
			name: "v1: a limit above what a container sees",
			files: map[string]string{
				"proc/self/mountinfo":             "32 23 0:29 /docker/abc @/cg/memory rw - cgroup cgroup rw,memory\n",
				"proc/7/cgroup":                   "4:memory:/docker/abc\n",
				"cg/memory/memory.limit_in_bytes": unlimitedV1,
				"cg/memory/memory.stat":           "hierarchical_memory_limit 5000\n",
			},
			total: gb,
			want:  Limits{Bytes: 5000, By: "cgroup /docker/abc (a level above it)", Known: true},
		},
		{
			name: "v1: without the kernel's minimum, the smallest",
			files: map[string]string{
				"proc/self/mountinfo": mountV1, "proc/7/cgroup": "4:memory:/a/b\n",
				"cg/memory/a/memory.limit_in_bytes": "1000\n", "cg/memory/a/b/memory.limit_in_bytes": "2000\n",
			},
			total: gb,
			want:  Limits{Bytes: 1000, By: "cgroup /a", Known: true},
		},
		{
			name:  "no hierarchy accounts for memory",
			files: map[string]string{"proc/7/cgroup": "1:cpu:/\n"},
			total: gb,
			want:  Limits{Bytes: gb, By: "host", Known: true},
		},
		{
			name:  "neither the host's memory nor a limit is known",
			files: map[string]string{"proc/self/mountinfo": mountV1, "proc/7/cgroup": "4:memory:/\n", "cg/memory/memory.limit_in_bytes": unlimitedV1},
			want:  Limits{By: "host"},
		},
		{
			name:    "no cgroup file",
			files:   map[string]string{"proc/7/cgroup": "<html>\n"},
			total:   gb,
			want:    Limits{Bytes: gb, By: "host"},
			problem: "no line of a cgroup file",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := newTree(t)
			tree.fill(test.files)
			got, err := Read(tree.proc(), 7, test.total)
			if got != test.want {
				t.Errorf("Read = %+v\n   want %+v", got, test.want)
			}
			if (err != nil) != (test.problem != "") || (err != nil && !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("error %v, want one about %q", err, test.problem)
			}
		})
	}
}

func TestReadVanishedProcess(t *testing.T) {
	tree := newTree(t)
	tree.fill(map[string]string{"proc/self/mountinfo": mountV2})
	if _, err := Read(tree.proc(), 7, gb); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

// A level that may not be read could hold the smallest limit.
func TestReadForbiddenLevel(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything: needs an ordinary user")
	}
	tree := newTree(t)
	tree.fill(map[string]string{
		"proc/self/mountinfo": mountV2, "proc/7/cgroup": "0::/a/b\n",
		"cg/a/memory.max": "1000\n", "cg/a/b/memory.max": "2000\n", "cg/a/b/memory.stat": "",
	})
	if err := os.Chmod(tree.root+"/cg/a/memory.max", 0); err != nil {
		t.Fatal(err)
	}
	got, err := Read(tree.proc(), 7, gb)
	if got.Known || got.Bytes != 2000 || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Read = %+v, %v; want 2000 bytes in doubt", got, err)
	}
}

func TestHostOOMKills(t *testing.T) {
	for text, want := range map[string]struct {
		count uint64
		known bool
	}{
		"nr_free_pages 1\noom_kill 9\n": {9, true}, "oom_kill 0\n": {0, true}, "nr_free_pages 1\n": {}, "oom_kill many\n": {},
	} {
		f := newTree(t)
		f.write("proc/vmstat", text)
		if count, known := HostOOMKills(f.proc()); count != want.count || known != want.known {
			t.Errorf("of %q: %d, %v; want %d, %v", text, count, known, want.count, want.known)
		}
	}
	if _, known := HostOOMKills(t.TempDir()); known {
		t.Error("known without a file")
	}
}

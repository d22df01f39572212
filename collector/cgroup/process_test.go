package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestGoLimit(t *testing.T) {
	for _, test := range []struct {
		environ string
		want    uint64
		limited bool
		problem bool
	}{
		{environ: "A=1\x00GOMEMLIMIT=512MiB\x00B=2\x00", want: 512 << 20, limited: true},
		{environ: "GOMEMLIMIT=1000", want: 1000, limited: true},
		{environ: "GOMEMLIMIT=1000B\x00", want: 1000, limited: true},
		{environ: "GOMEMLIMIT=2GiB\x00GOMEMLIMIT=1GiB\x00", want: 2 << 30, limited: true},
		{environ: "SECRET=" + strings.Repeat("x", 5000) + "GOMEMLIMIT=1\x00GOMEMLIMIT=3TiB\x00", want: 3 << 40, limited: true},
		{environ: strings.Repeat("A=1\x00", mostEnvironment/4) + "GOMEMLIMIT=1\x00"}, // more than a program can start with
		{environ: "GOMEMLIMIT=off\x00"},
		{environ: "GOMEMLIMIT=9223372036854775807\x00"},
		{environ: "GOMEMLIMIT=\x00"},
		{environ: "XGOMEMLIMIT=5\x00"},
		{environ: ""},
		{environ: "GOMEMLIMIT=-5\x00", problem: true},
		{environ: "GOMEMLIMIT=1GB\x00", problem: true},
		{environ: "GOMEMLIMIT=9999999TiB\x00", problem: true},
		{environ: "GOMEMLIMIT=1.5GiB\x00", problem: true},
		{environ: "GOMEMLIMIT=" + strings.Repeat("9", 5000) + "\x00", problem: true},
	} {
		tree := newTree(t)
		tree.write("proc/7/environ", test.environ)
		got, limited, err := GoLimit(tree.proc(), 7)
		if got != test.want || limited != test.limited || (err != nil) != test.problem {
			t.Errorf("GoLimit(%.60q) = %d, %v, %v; want %d, %v", test.environ, got, limited, err, test.want, test.limited)
		}
	}
}

func TestGoLimitForbidden(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything: needs an ordinary user")
	}
	_, _, err := GoLimit("/proc", 1)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "CAP_SYS_PTRACE") {
		t.Errorf("error %v, want one that names CAP_SYS_PTRACE", err)
	}
}

func TestOpenFiles(t *testing.T) {
	const head = "Limit                     Soft Limit           Hard Limit           Units     \n"
	for _, test := range []struct {
		text    string
		want    uint64
		limited bool
		problem bool
	}{
		{text: head + "Max open files            20000                524288               files     \n", want: 20000, limited: true},
		{text: head + "Max open files            unlimited            unlimited            files     \n"},
		{text: head + "Max open files            many                 many                 files     \n", problem: true},
		{text: head + "Max open files\n", problem: true},
		{text: head, problem: true},
	} {
		tree := newTree(t)
		tree.write("proc/7/limits", test.text)
		got, limited, err := OpenFiles(tree.proc(), 7)
		if got != test.want || limited != test.limited || (err != nil) != test.problem {
			t.Errorf("OpenFiles(%q) = %d, %v, %v; want %d, %v", test.text, got, limited, err, test.want, test.limited)
		}
	}
}

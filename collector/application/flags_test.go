package application

import (
	"strings"
	"testing"
)

func TestCockroachFlags(t *testing.T) {
	const (
		mib    = 1 << 20
		memory = 8e9
	)
	for _, test := range []struct {
		args    string
		memory  uint64
		want    Caches
		problem string
	}{
		{args: "", memory: memory, want: Caches{128 * mib, 2e9}},
		{args: "--cache=.25 --max-sql-memory=25%", memory: memory, want: Caches{2e9, 2e9}},
		{args: "--cache 0.35 --max-sql-memory 35%", memory: memory, want: Caches{2.8e9, 2.8e9}},
		{args: "--cache=512MiB --max-sql-memory=1GB", want: Caches{512 * mib, 1e9}},
		{args: "--cache=1.5g --max-sql-memory=1,024kib", want: Caches{1.5e9, mib}},
		{args: "--cache=268435456 --max-sql-memory=2B", want: Caches{256 * mib, 2}},
		{args: "--cache=1GB --cache=2GB --max-sql-memory=1TB", want: Caches{2e9, 1e12}},
		{args: "--max-sql-memory=1GB --cache-size=7 -- --cache=9GB", want: Caches{128 * mib, 1e9}},
		{args: "--cache=1GB", problem: "--max-sql-memory=\"25%\": a share of a memory that is not known"},
		{args: "--cache=100%", memory: memory, problem: "--cache=\"100%\": want a share from 1% to 99%"},
		{args: "--cache=0%", memory: memory, problem: "want a share"},
		{args: "--cache=NaN%", memory: memory, problem: "want a share"},
		{args: "--cache=.", memory: memory, problem: "want a share"},
		{args: "--cache=lots", memory: memory, problem: "want bytes"},
		{args: "--cache=-1GB", memory: memory, problem: "want bytes"},
		{args: "--cache=1XB", memory: memory, problem: "want bytes"},
		{args: "--cache=1iB", memory: memory, problem: "want bytes"},
		{args: "--cache=1MGB", memory: memory, problem: "want bytes"},
		{args: "--cache=9EiB", memory: memory, problem: "want bytes"},
		{args: "--cache=", memory: memory, problem: "want bytes"},
	} {
		argv := append([]string{"cockroach", "start"}, strings.Fields(test.args)...)
		got, err := CockroachFlags(argv, test.memory)
		if got != test.want || (err != nil) != (test.problem != "") || (err != nil && !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s: %+v, %v; want %+v, %s", test.args, got, err, test.want, test.problem)
		}
	}
}

func TestMisconfigured(t *testing.T) {
	for _, test := range []struct {
		caches Caches
		memory uint64
		want   string
	}{
		{Caches{2e9, 2e9}, 8e9, ""},
		{Caches{2.4e9, 2e9}, 8e9, ""},
		{Caches{2.8e9, 2.8e9}, 8e9, "2 × --max-sql-memory (2.80 GB) + --cache (2.80 GB) are 105 % of the 8.00 GB of memory, more than 80 %: lower them, e.g. to .25 each"},
		{Caches{2.5e9, 2e9}, 8e9, "are 81 % of"},
		{Caches{maxValue, maxValue}, 8e9, "more than 80 %"},
		{Caches{2e9, 2e9}, 0, ""},
	} {
		if got := test.caches.Misconfigured(test.memory); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%+v of %d: %q, want %q", test.caches, test.memory, got, test.want)
		}
	}
}

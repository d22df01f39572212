package kernel

import (
	"io/fs"
	"testing"
)

// The kernel lists a name a line; of modules the name is what comes first.
func TestLegacyNAT(t *testing.T) {
	const tables, modules = "/proc/thread-self/net/ip_tables_names", "/proc/modules"
	for name, c := range map[string]struct {
		files  map[string]string
		hidden string // is for root alone
		want   bool
	}{
		"no table":                   {},
		"other tables":               {files: map[string]string{tables: "filter\nmangle\n", modules: "iptable_nat 1 0 - Live 0x0\n"}},
		"nat":                        {files: map[string]string{tables: "filter\nnat\n"}, want: true},
		"hidden, and not its module": {files: map[string]string{modules: "nf_nat 1 1 iptable_nat, Live 0x0\n"}, hidden: tables},
		"hidden, and its module":     {files: map[string]string{modules: "nf_nat 1 1 iptable_nat, Live 0x0\niptable_nat 1 0 - Live 0x0\n"}, hidden: tables, want: true},
		"hidden, and no modules":     {hidden: tables},
	} {
		read := func(path string) ([]byte, error) {
			text, present := c.files[path]
			switch {
			case path == c.hidden:
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
			case !present:
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		}
		if got, err := legacyNAT(read); got != c.want || err != nil {
			t.Errorf("%s: got %t, %v; want %t", name, got, err, c.want)
		}
	}
}

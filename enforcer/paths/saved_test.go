package paths

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSavedRulesets(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"none", nil, nil},
		{"a saved ruleset", map[string]string{"etc/nftables.conf": "flush ruleset\ntable inet nakama_warden {\n}\n"}, []string{"/etc/nftables.conf"}},
		{"a command", map[string]string{"etc/nftables.conf": "add chain inet nakama_warden mine"}, []string{"/etc/nftables.conf"}},
		{"a comment", map[string]string{"etc/nftables.conf": "# table inet nakama_warden\ntable inet filter { # inet nakama_warden\n}\n"}, nil},
		{"another family", map[string]string{"etc/nftables.conf": "table ip nakama_warden { }"}, nil},
		{"another name", map[string]string{"etc/nftables.conf": "table inet nakama_warden_old{ }"}, nil},
		{"Red Hat", map[string]string{"etc/sysconfig/nftables.conf": "include \"/etc/nftables/main.nft\"", "etc/nftables/main.nft": "table inet nakama_warden{"},
			[]string{"/etc/nftables/main.nft"}},
		{"included by pattern and relative", map[string]string{
			"etc/nftables.conf":  "include \"conf.d/*.conf\"",
			"etc/conf.d/a.conf":  "include '/srv/b.nft'; table inet nakama_warden {}",
			"srv/b.nft":          "include \"/etc/nftables.conf\"\ntable inet nakama_warden {}",
			"etc/conf.d/c.other": "table inet nakama_warden {}",
		}, []string{"/etc/conf.d/a.conf", "/srv/b.nft"}},
		{"a bad pattern", map[string]string{"etc/nftables.conf": "include \"[\"\ninclude"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l := look{opts: Options{Root: root}}
			wantLines(t, "saved", l.savedRulesets(), c.want...)
		})
	}
}

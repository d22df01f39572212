package lint

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/nakama-warden/nakama-warden"

// source is the tree that these tests are part of.
func source() fs.FS { return os.DirFS("../..") }

func TestImportsGoDownOnly(t *testing.T) {
	imports, err := Imports(source(), module)
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) == 0 {
		t.Fatal("no imports found: the tree was not read")
	}
	for _, problem := range House(imports) {
		t.Error(problem)
	}
}

func TestNoFileNamesAMachine(t *testing.T) {
	problems, err := Places(source())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

func TestDocumentsLeadSomewhere(t *testing.T) {
	problems, err := Links(source())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

func TestHouse(t *testing.T) {
	const allowed = ""
	for _, c := range []struct{ file, to, want string }{
		{"cmd/nakama-warden/run.go", "agent", allowed},
		{"cmd/nakama-warden/status.go", "dashboards", allowed},
		{"cmd/nakama-warden/main.go", "cmd/nakama-warden/text", allowed},
		{"cmd/nakama-warden/text/host.go", "cmd/nakama-warden", "a child may not import its parent"},
		{"cmd/nakama-warden/demo.go", "test/lab", allowed},
		{"cmd/nakama-warden/demo_fleet.go", "test/lab", allowed},
		{"cmd/nakama-warden/demo/acts.go", "test/lab", allowed},
		{"cmd/nakama-warden/run.go", "test/lab", "only tests and the demo"},

		{"agent/agent.go", "agent/store", allowed},
		{"agent/agent.go", "enforcer/policy", allowed},
		{"agent/config/check.go", "enforcer/policy", allowed},
		{"agent/store/store.go", "agent", "a child may not import its parent"},
		{"agent/fleet/fleet.go", "agent/config", "agent/fleet may import only nothing of ours"},
		{"agent/fleet/fleet_test.go", "agent/store", allowed},
		{"agent/web/web.go", "dashboards", "agent may import only"},
		{"agent/agent.go", "cmd/nakama-warden/text", "agent may import only"},

		{"enforcer/enforcer.go", "enforcer/kernel", allowed},
		{"enforcer/kernel/commit.go", "enforcer/ruleset", allowed},
		{"enforcer/kernel/commit.go", "enforcer", "a child may not import its parent"},
		{"enforcer/ruleset/build.go", "enforcer/policy", allowed},
		{"enforcer/refusals/read.go", "enforcer/policy", allowed},
		{"enforcer/refusals/read.go", "enforcer/ruleset", "enforcer/refusals may import only enforcer/policy"},
		{"enforcer/ruleset/build.go", "enforcer/kernel", "enforcer/ruleset may import only enforcer/policy"},
		{"enforcer/policy/policy.go", "enforcer/ruleset", "enforcer/policy may import only nothing"},
		{"enforcer/enforcer.go", "collector", "enforcer may import only status"},
		{"enforcer/enforcer.go", "agent/store", "enforcer may import only status"},
		{"enforcer/enforcer_test.go", "test/lab", allowed},
		{"enforcer/enforcer_test.go", "agent/store", "enforcer may import only status"},
		{"collector/sockdiag/dump.go", "alerting", "collector may import only status"},
		{"alerting/evaluate.go", "collector/capacity", "alerting may import only status"},
		{"status/host.go", "enforcer/policy", "status may import only nothing of ours"},
		{"status/words/verdict.go", "status", allowed},
		{"status/words/verdict.go", "alerting", "status may import only nothing of ours"},
		{"agent/web/page/page.go", "status/words", allowed},
		{"enforcer/policy/policy.go", "status", allowed},
		{"enforcer/paths/owners.go", "procfs", allowed},
		{"collector/discovery/look.go", "procfs", allowed},
		{"agent/plan.go", "procfs", "agent may import only"},
		{"procfs/socket.go", "status", "procfs may import only nothing of ours"},
		{"procfs/socket_test.go", "test/lab", allowed},

		{"test/lab/lab.go", "enforcer", "test/lab may import only status"},
		{"test/lab/lab.go", "status", allowed},
		{"test/lab/lab.go", "test/lab/probe", allowed},
		{"test/lab/lab.go", "agent", "test/lab may import only status"},
		{"test/scenarios/scenarios.go", "agent", allowed},
		{"test/scenarios/scenarios.go", "test/lab", allowed},
		{"helpers/strings.go", "status", "helpers is no folder of the house"},
	} {
		expect(t, Import{File: c.file, Line: 7, To: c.to, Ours: true}, c.want)
	}
}

func TestLibrariesStayAtHome(t *testing.T) {
	const allowed = ""
	for _, c := range []struct {
		file, to string
		blank    bool
		want     string
	}{
		{"enforcer/kernel/conn.go", "github.com/google/nftables/expr", false, allowed},
		{"enforcer/enforcer.go", "github.com/google/nftables", false, "nothing above them knows netlink"},
		{"agent/agent.go", "github.com/mdlayher/netlink", false, "nothing above them knows netlink"},
		{"agent/agent.go", "github.com/mdlayher/netlink", true, allowed},
		{"agent/agent.go", "github.com/mdlayher/netlinker", false, allowed},
		{"enforcer/enforcer_test.go", "github.com/google/nftables", false, allowed},
		{"cmd/nakama-warden/demo_tamper.go", "github.com/google/nftables", false, allowed},
		{"agent/store/store.go", "go.etcd.io/bbolt", false, allowed},
		{"agent/journal/journal.go", "go.etcd.io/bbolt", false, "the only writer to disk"},
		{"agent/agent.go", "github.com/spf13/cobra", false, "only cmd may"},
	} {
		expect(t, Import{File: c.file, Line: 7, To: c.to, Blank: c.blank}, c.want)
	}
}

func expect(t *testing.T, i Import, want string) {
	t.Helper()
	problems := House([]Import{i})
	switch {
	case want == "" && len(problems) > 0:
		t.Errorf("refused: %s", problems[0])
	case want != "" && len(problems) == 0:
		t.Errorf("%s may import %s; want %q", i.File, i.To, want)
	case want != "" && !strings.Contains(problems[0], want):
		t.Errorf("%s; want %q", problems[0], want)
	}
}

// A file that breaks the order is found with its line, whatever its build constraint; other modules are left alone.
func TestImportsAreReadFromFiles(t *testing.T) {
	tree := fstest.MapFS{
		"status/host.go": {Data: []byte("//go:build never\n\npackage status\n\nimport (\n\t\"fmt\"\n\n\t\"" + module + "/agent\"\n)\n")},
		"tools/go.mod":   {Data: []byte("module tools\n")},
		"tools/tools.go": {Data: []byte("package tools\n\nimport \"" + module + "/agent\"\n")},
	}
	imports, err := Imports(tree, module)
	if err != nil {
		t.Fatal(err)
	}
	problems := House(imports)
	want := "status/host.go:8: imports agent: status may import only nothing of ours"
	if len(problems) != 1 || problems[0] != want {
		t.Errorf("got %q\nwant %q", problems, want)
	}

	tree["status/event.go"] = &fstest.MapFile{Data: []byte("pack age")}
	if _, err := Imports(tree, module); err == nil {
		t.Error("a file that does not parse was passed over")
	}
}

func TestPlaces(t *testing.T) {
	// Joined here, so that this file does not name such a folder itself.
	home := strings.Join([]string{"", "home", "someone", "project"}, "/")
	for text, found := range map[string]bool{
		"see " + home:                   true,
		home:                            true,
		"path: \"" + home + "\"":        true,
		"https://example.org" + home:    false,
		"/proc/self/root/etc/hostname":  false,
		"ProtectHome=yes, root, /etc/x": false,
	} {
		problems, err := Places(fstest.MapFS{"docs/a.md": {Data: []byte("first line\n" + text + "\n")}})
		if err != nil {
			t.Fatal(err)
		}
		if (len(problems) == 1) != found {
			t.Errorf("%q: %q; want found %v", text, problems, found)
		}
	}
}

func TestLinks(t *testing.T) {
	for link, want := range map[string]string{
		"b.md":                        "",
		"b.md#how-it-holds-up":        "",
		"#here":                       "",
		"../README.md":                "",
		"https://example.org/none.md": "",
		"none.md":                     "no such file",
		"b.md#none":                   "no such heading",
		"#none":                       "no such heading",
	} {
		problems, err := Links(fstest.MapFS{
			"README.md": {Data: []byte("# Read me\n")},
			"docs/a.md": {Data: []byte("# Here\n\nSee [it](" + link + ").\n")},
			"docs/b.md": {Data: []byte("# B\n\n## How it holds: up?\n")},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(problems, "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", link, got, want)
		}
	}
}

// Package lint holds the source to the rules of the house.
//
// A rule is a pure function from what a file says (its imports, its text) to problems; reading the tree is a thin edge
// around it. Files are parsed one by one rather than listed as packages, so that a build constraint hides nothing and a
// rule can be about a single file.
package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Import is one import of one file. Of and what it names are paths inside the module, or To is a full import path of
// another module.
type Import struct {
	File  string // slash-separated, from the root of the module
	Line  int
	To    string // a folder of the module, or the import path of a foreign package
	Ours  bool
	Blank bool
}

// House returns every import that goes up or sideways, or that brings a library where it does not belong.
func House(imports []Import) []string {
	var problems []string
	for _, i := range imports {
		why := i.foreign()
		if i.Ours {
			why = i.upward()
		}
		if why != "" {
			problems = append(problems, fmt.Sprintf("%s:%d: imports %s: %s", i.File, i.Line, i.To, why))
		}
	}
	return problems
}

const lab = "test/lab"

// below says which top folders the code of a top folder may import, apart from its own.
func below(top string) (allowed []string, known bool) {
	switch top {
	case "cmd":
		return []string{"agent", "enforcer", "collector", "alerting", "status", "dashboards", "packaging"}, true
	case "agent":
		return []string{"enforcer", "collector", "alerting", "status"}, true
	case "enforcer", "collector":
		return []string{"status", "procfs"}, true
	case "alerting", lab:
		// The lab is imported by tests of every layer: it must stand below them all.
		return []string{"status"}, true
	case "status", "procfs", "dashboards", "packaging":
		return nil, true
	case "test":
		return []string{"cmd", "agent", "enforcer", "collector", "alerting", "status", "dashboards", "packaging", lab}, true
	}
	return nil, false
}

// beside says which siblings of a top folder a package may import. Only the enforcer's know one another, along the way
// of the data: the policy is the language of all of them, the ruleset that of the kernel.
func beside(folder string) []string {
	switch {
	case folder == "enforcer/kernel", folder == "enforcer/paths": // paths names our table, to leave it out
		return []string{"enforcer/policy", "enforcer/ruleset"}
	case strings.HasPrefix(folder, "enforcer/") && folder != "enforcer/policy":
		return []string{"enforcer/policy"}
	}
	return nil
}

// upward says why an import of our own goes against the order, or nothing.
func (i Import) upward() string {
	from, to := top(i.File), top(i.To)
	allowed, known := below(from)
	switch {
	case !known:
		return from + " is no folder of the house"
	case to == lab && from != lab:
		if i.isTest() || i.isDemo() || from == "test" {
			return ""
		}
		return "only tests and the demo may import " + lab
	case from == to:
		return i.within()
	case !slices.Contains(allowed, to):
		return fmt.Sprintf("%s may import only %s", from, list(allowed))
	}
	return ""
}

// within judges an import inside one top folder: a parent may import its children, and children do not know each other. What is
// below status is about its values, which import nothing.
func (i Import) within() string {
	folder := path.Dir(i.File)
	switch {
	case folder == i.To, strings.HasPrefix(i.To, folder+"/"), i.To == "status":
		return ""
	case strings.HasPrefix(folder, i.To+"/"):
		return "a child may not import its parent"
	case i.isTest(), slices.Contains(beside(folder), i.To):
		return ""
	}
	return fmt.Sprintf("%s may import only %s beside it", folder, list(beside(folder)))
}

// foreign says why a library of others does not belong where it is imported, or nothing. A blank import is no use of it.
func (i Import) foreign() string {
	if i.Ours || i.Blank || i.isTest() || i.isDemo() || strings.HasPrefix(i.File, "test/") {
		return ""
	}
	for _, rule := range homes() {
		if i.To != rule.library && !strings.HasPrefix(i.To, rule.library+"/") {
			continue
		}
		if !slices.ContainsFunc(rule.folders, func(folder string) bool { return strings.HasPrefix(i.File, folder+"/") }) {
			return fmt.Sprintf("only %s may: %s", list(rule.folders), rule.why)
		}
	}
	return ""
}

// home is the place where a library may be used.
type home struct {
	library string
	folders []string
	why     string
}

func homes() []home {
	wire := []string{"enforcer/kernel", "enforcer/paths", "enforcer/refusals", "collector", "procfs"}
	return []home{
		{"github.com/google/nftables", wire, "nothing above them knows netlink"},
		{"github.com/mdlayher/netlink", wire, "nothing above them knows netlink"},
		{"github.com/vishvananda/netlink", wire, "nothing above them knows netlink"},
		{"github.com/grafana/loki-client-go", []string{"agent/journal/loki"}, "its blocking is fenced in there"},
		{"go.etcd.io/bbolt", []string{"agent/store"}, "it is the only writer to disk"},
		{"github.com/prometheus/alertmanager", []string{"alerting/receivers"}, "everything else knows receivers by three verbs"},
		{"github.com/go-openapi", []string{"alerting/receivers"}, "it is how Alertmanager's client is spoken to"},
		{"gopkg.in/telebot.v3", []string{"alerting/receivers"}, "its errors are those of Alertmanager's notifier"},
		{"github.com/spf13/cobra", []string{"cmd"}, "flags end at the command line"},
	}
}

func (i Import) isTest() bool { return strings.HasSuffix(i.File, "_test.go") }

// isDemo: the demo is the files demo*.go of the command and what is below its folder demo.
func (i Import) isDemo() bool {
	return strings.HasPrefix(i.File, "cmd/nakama-warden/demo")
}

// top is the top folder of a path, where the lab counts as one.
func top(name string) string {
	if name == lab || strings.HasPrefix(name, lab+"/") {
		return lab
	}
	first, _, _ := strings.Cut(name, "/")
	return first
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing of ours"
	}
	return strings.Join(names, ", ")
}

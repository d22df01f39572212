// Package schema holds the committed dashboards to what Grafana knows. What its own packages can tell is asked by run.sh, which needs
// npm; what an import by hand and the provisioning need beside that is here.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/nakama-warden/nakama-warden/dashboards"
)

const folder = "../../../dashboards/json"

// page is a dashboard as it lies in its file, read twice: by its fields, and as whatever is there.
type page struct {
	dashboards.Dashboard
	raw map[string]any
}

func (p page) variable(name string) (dashboards.Variable, bool) {
	i := slices.IndexFunc(p.Templating.List, func(v dashboards.Variable) bool { return v.Name == name })
	if i < 0 {
		return dashboards.Variable{}, false
	}
	return p.Templating.List[i], true
}

func committed(t *testing.T) (all []page) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) != 5 {
		t.Fatalf("%d dashboards (%v); want 5", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p page
		if err := json.Unmarshal(text, &p.raw); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := json.Unmarshal(text, &p.Dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, p)
	}
	return all
}

// A dashboard that carries what belongs to one Grafana cannot be put into another, or asks whoever imports it.
func TestNothingBelongsToOneGrafana(t *testing.T) {
	uid := regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
	titles := map[string]bool{}
	for _, p := range committed(t) {
		for _, key := range []string{"id", "version", "iteration", "gnetId", "meta", "__inputs", "__requires", "__elements"} {
			if value, is := p.raw[key]; is {
				t.Errorf("%s: has %s: %v", p.UID, key, value)
			}
		}
		if !uid.MatchString(p.UID) {
			t.Errorf("%q is no uid", p.UID)
		}
		if titles[p.Title] || p.Title == "" {
			t.Errorf("%q comes twice: a folder takes a title once", p.Title)
		}
		titles[p.Title] = true
		if zone, is := p.raw["timezone"]; is && zone != "" && zone != "browser" {
			t.Errorf("%s: the time is %v, whoever looks", p.UID, zone)
		}
	}
}

// Whoever has another Prometheus chooses it once, at the top of the page.
func TestEveryDatasourceIsChosen(t *testing.T) {
	for _, p := range committed(t) {
		for where, value := range objects(p.raw) {
			if where == "" || !strings.HasSuffix(where, ".datasource") {
				continue
			}
			kind, _ := value["type"].(string)
			uid, _ := value["uid"].(string)
			chosen, is := p.variable(strings.TrimSuffix(strings.TrimPrefix(uid, "${"), "}"))
			if !is || chosen.Type != "datasource" || chosen.Query != kind {
				t.Errorf("%s%s: %s %q; want a variable of that type", p.UID, where, kind, uid)
			}
		}
	}
}

// A variable that is not there is sent to Prometheus as it is written.
func TestEveryVariableIsThere(t *testing.T) {
	used := regexp.MustCompile(`\$(?:\{(\w+)|(\w+))`)
	for _, p := range committed(t) {
		for where, text := range texts(p.raw) {
			for _, found := range used.FindAllStringSubmatch(text, -1) {
				name := found[1] + found[2]
				if _, is := p.variable(name); !is && !strings.HasPrefix(name, "__") { // two lines: Grafana's own
					t.Errorf("%s%s: there is no $%s: %s", p.UID, where, name, text)
				}
			}
		}
	}
}

// A link to another dashboard names one, and sets variables that it has.
func TestLinksFit(t *testing.T) {
	all := committed(t)
	for _, p := range all {
		for where, text := range texts(p.raw) {
			if !strings.HasSuffix(where, ".url") {
				continue
			}
			path, choices, _ := strings.Cut(text, "?")
			uid, inside := strings.CutPrefix(path, "/d/")
			if !inside {
				if link, err := url.Parse(text); err != nil || link.Scheme != "https" || link.Host == "" {
					t.Errorf("%s%s: %q leads nowhere", p.UID, where, text)
				}
				continue
			}
			to := slices.IndexFunc(all, func(p page) bool { return p.UID == uid })
			if to < 0 {
				t.Fatalf("%s%s: there is no dashboard %s", p.UID, where, uid)
			}
			for choice := range strings.SplitSeq(choices, "&") {
				if err := fits(choice, all[to]); err != nil {
					t.Errorf("%s%s: %v", p.UID, where, err)
				}
			}
		}
	}
}

// fits says whether a dashboard has the variable that a part of a link sets: var-NAME=… or ${NAME:queryparam}.
func fits(choice string, to page) error {
	name, _, named := strings.Cut(strings.TrimPrefix(choice, "var-"), "=")
	if !named {
		name = strings.TrimSuffix(strings.TrimPrefix(choice, "${"), ":queryparam}")
	}
	if _, is := to.variable(name); !is {
		return fmt.Errorf("%s has no variable for %q", to.UID, choice)
	}
	return nil
}

// Grafana skips what it does not know in a provider, and then asks where the dashboards are.
func TestProvisioningIsWhatGrafanaDocuments(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, dashboards.ProviderFile))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name                  string `yaml:"name"`
			OrgID                 int    `yaml:"orgId"`
			Folder                string `yaml:"folder"`
			FolderUID             string `yaml:"folderUid"`
			Type                  string `yaml:"type"`
			DisableDeletion       bool   `yaml:"disableDeletion"`
			UpdateIntervalSeconds int    `yaml:"updateIntervalSeconds"`
			AllowUIUpdates        bool   `yaml:"allowUiUpdates"`
			Options               struct {
				Path                      string `yaml:"path"`
				FoldersFromFilesStructure bool   `yaml:"foldersFromFilesStructure"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if file.APIVersion != 1 || len(file.Providers) != 1 {
		t.Fatalf("version %d with %d providers", file.APIVersion, len(file.Providers))
	}
	if p := file.Providers[0]; p.Name == "" || p.Type != "file" || !filepath.IsAbs(p.Options.Path) {
		t.Errorf("%+v; want a name, the type file, and where the files are", p)
	}
}

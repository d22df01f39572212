package fleet

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestParseTargets(t *testing.T) {
	for name, test := range map[string]struct {
		file, content string
		want          []netip.Prefix
		problem       string // part of the error
	}{
		"JSON":             {"f.json", `[{"targets":["10.0.0.1:7350","10.0.0.2"],"labels":{"zone":"a"}},{"targets":["[fd00::1]:26257"]}]`, prefixes("10.0.0.1/32", "10.0.0.2/32", "fd00::1/128"), ""},
		"YAML":             {"f.yml", "- targets: [10.0.0.1:7350, '[fd00::1]:1']\n  labels: {zone: a}\n- targets:\n  - 10.1.0.0/16\n", prefixes("10.0.0.1/32", "fd00::1/128", "10.1.0.0/16"), ""},
		"upper case":       {"F.YAML", "- targets: ['fd00::/64']", prefixes("fd00::/64"), ""},
		"host bits":        {"f.json", `[{"targets":["10.0.0.7/24"]}]`, prefixes("10.0.0.0/24"), ""},
		"IPv4 mapped":      {"f.json", `[{"targets":["[::ffff:10.0.0.1]:80","::ffff:10.0.0.1"]}]`, prefixes("10.0.0.1/32"), ""},
		"no targets":       {"f.json", `[]`, nil, ""},
		"no targets, YAML": {"f.yaml", "[]\n", nil, ""},
		"empty group":      {"f.json", `[{}]`, nil, ""},

		"hostname":         {"f.json", `[{"targets":["10.0.0.1:1","db1.internal:26257"]}]`, nil, `target group 1, target 2: "db1.internal:26257" is not an address`},
		"bare hostname":    {"f.json", `[{"targets":["localhost"]}]`, nil, "is not an address"},
		"zone":             {"f.json", `[{"targets":["[fe80::1%eth0]:1"]}]`, nil, "zone"},
		"empty target":     {"f.json", `[{"targets":[""]}]`, nil, "is not an address"},
		"bad port":         {"f.json", `[{"targets":["10.0.0.1:99999"]}]`, nil, "is not an address"},
		"half-written":     {"f.json", `[{"targets":["10.0.0.1:73`, nil, "unexpected end"},
		"empty":            {"f.json", "", nil, "empty"},
		"blank YAML":       {"f.yml", " \n\n", nil, "empty"},
		"comment":          {"f.yml", "# nothing yet\n", nil, "no list"},
		"null":             {"f.json", "null", nil, "no list"},
		"null group":       {"f.json", "[null]", nil, "null"},
		"null group, YAML": {"f.yml", "- \n", nil, "null"},
		"not a list":       {"f.json", `{"targets":["10.0.0.1"]}`, nil, "cannot unmarshal"},
		"unknown key":      {"f.json", `[{"targets":[],"target":[]}]`, nil, "unknown field"},
		"unknown, YAML":    {"f.yml", "- targets: []\n  target: []\n", nil, "field target not found"},
		"two documents":    {"f.yml", "- targets: []\n---\n- targets: []\n", nil, "more than one"},
		"two values":       {"f.json", "[] []", nil, "invalid character"},
		"extension":        {"f.txt", "[]", nil, "want .json"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseTargets(test.file, []byte(test.content))
			if test.problem == "" && (err != nil || !slices.Equal(got, test.want)) {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
			if test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("got %v, %v; want an error with %q", got, err, test.problem)
			}
		})
	}
}

func FuzzParseTargets(f *testing.F) {
	f.Add(true, []byte(`[{"targets":["10.0.0.1:7350","fd00::/64"],"labels":{"a":"b"}}]`))
	f.Add(false, []byte("- targets: [10.0.0.1, '[fd00::1]:1']\n  labels: {a: b}\n"))
	f.Add(false, []byte("- &a {targets: [10.0.0.1]}\n- *a\n---\n"))
	f.Fuzz(func(t *testing.T, isJSON bool, content []byte) {
		name := "f.yml"
		if isJSON {
			name = "f.json"
		}
		got, err := parseTargets(name, content)
		if err != nil && got != nil {
			t.Errorf("an answer and the error %v", err)
		}
		for i, p := range got {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() && p.Bits() >= 96 {
				t.Errorf("%v is not normal", p)
			}
			if i > 0 && got[i-1].Compare(p) >= 0 {
				t.Errorf("%v is out of order", p)
			}
		}
	})
}

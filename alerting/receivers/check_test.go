package receivers

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Each want is LINE KEY: PART-OF-PROBLEM.
var checkTests = []struct {
	name string
	text string
	want []string
}{
	{"right", "- {name: a, webhook_configs: [{url: 'http://x'}]}", nil},
	{"block style, comments and long texts", "# c\n- name: a\n\n  slack_configs: # c\n  - api_url: http://x\n    text: |\n      a\n      b\n    # c\n    colour: red\n", []string{"10 slack_configs[0].colour: unknown key"}},
	{"flow style", "- {name: a, slack_configs: [{api_url: 'http://x',\n  colour: red,\n  http_config: {proxy: 1}}]}", []string{"2 slack_configs[0].colour: unknown key", "3 slack_configs[0].http_config.proxy: unknown key"}},
	{"unknown kind", "- name: a\n  slack_confgs: []\n", []string{"2 slack_confgs: unknown key"}},
	{"no name", "- {webhook_configs: [{url: 'http://x'}]}", []string{"1 : a receiver without a name"}},
	{"empty name", "- name:\n  webhook_configs: [{url: 'http://x'}]", []string{"1 name: not a name"}},
	{"name that is a list", "- name: [a]\n  webhook_configs: [{url: 'http://x'}]", []string{"1 name: not a name"}},
	{"reserved name", "- name: " + nobody + "\n  webhook_configs: [{url: 'http://x'}]", []string{"1 name: a reserved name"}},
	{"name twice", "- {name: a, webhook_configs: [{url: 'http://x'}]}\n- webhook_configs: [{url: 'http://x'}]\n  name: a", []string{"3 name: the name of the receiver on line 1 too"}},
	{"nobody told", "- name: a\n", []string{"1 : a receiver that tells nobody"}},
	{"nothing in it", "- name: a\n  slack_configs: []\n", []string{"2 slack_configs: nothing in it"}},
	{"null", "- name: a\n  slack_configs:\n  -\n", []string{"3 slack_configs[0]: not the settings"}},
	{"not a list", "- name: a\n  slack_configs: {api_url: 'http://x'}\n", []string{"2 slack_configs"}},
	{"URL", "- name: a\n  webhook_configs:\n  - max_alerts: 1\n    url: ftp://x/H00KH00K\n", []string{"4 webhook_configs[0].url: invalid URL: unsupported scheme"}},
	{"URL that does not parse", "- name: a\n  webhook_configs:\n  - url: 'http://u:S3CR3TS3CR3T@%zz'\n", []string{"3 webhook_configs[0].url: invalid URL"}},
	{"nested", "- name: a\n  webhook_configs:\n  - url: http://x\n    http_config:\n      basic_auth: {username: u}\n      authorization: {credentials: S3CR3T}\n",
		[]string{"5 webhook_configs[0].http_config.basic_auth: at most one of"}},
	{"missing", "- name: a\n  email_configs:\n  - to: x@y\n  pagerduty_configs:\n  - url: http://x\n",
		[]string{"3 email_configs[0]: no SMTP smarthost set", "5 pagerduty_configs[0]: missing service or routing key"}},
	{"several channels", "- name: a\n  slack_configs:\n  - api_url: x\n  - api_url: http://x\n  - api_url: y\n",
		[]string{"3 slack_configs[0].api_url: unsupported scheme", "5 slack_configs[2].api_url: unsupported scheme"}},
	{"wrong type", "- name: a\n  pagerduty_configs:\n  - routing_key: S3CR3T\n    send_resolved: S3CR3T\n", []string{"4 pagerduty_configs[0].send_resolved: a value of the wrong type (str where bool is read)"}},
	{"secret where a mapping belongs", "- name: a\n  webhook_configs:\n  - url: http://x\n    http_config: S3CR3TS3CR3T\n", []string{"4 webhook_configs[0].http_config: a value of the wrong type"}},
	{"what the reader does not survive", "- name: a\n  slack_configs:\n  - update_message: true\n", []string{"3 slack_configs[0].update_message: a combination"}},
	{"template", "- name: a\n  email_configs:\n  - {to: x@y, from: x@y, smarthost: 'x:25'}\n  - to: x@y\n    from: x@y\n    smarthost: x:25\n    text: '{{ template \"nope\" }}'\n    html: '{{ .Alerts'\n",
		[]string{`7 email_configs[1].text: a template that fails: template "nope" not defined`, "8 email_configs[1].html: a template that fails: unclosed action"}},
	{"relative file", "- name: a\n  slack_configs:\n  - api_url_file: token\n", []string{"3 slack_configs[0].api_url_file: not an absolute path"}},
	{"files of headers", "- name: a\n  webhook_configs:\n  - url: http://x\n    http_config:\n      http_headers:\n        X-Key:\n          files:\n          - token\n",
		[]string{"8 webhook_configs[0].http_config.http_headers.X-Key.files[0]: not an absolute path"}},
}

func TestCheck(t *testing.T) {
	for _, test := range checkTests {
		t.Run(test.name, func(t *testing.T) {
			nodes := parse(t, test.text)
			before, err := yaml.Marshal(nodes[0])
			if err != nil {
				t.Fatal(err)
			}
			problems := Check(nodes)
			for i, p := range problems {
				got := fmt.Sprintf("%d %s: %s", p.Line, p.Key, p.Problem)
				if i >= len(test.want) || !strings.HasPrefix(got, test.want[i]) || p.Want == "" {
					t.Errorf("problem %d: %s; want %q", i, p, test.want)
				}
				if strings.Contains(p.Error(), "S3CR3T") || strings.Contains(p.Error(), "H00K") || strings.Contains(p.Error(), "\n") {
					t.Errorf("shows a secret: %s", p)
				}
			}
			if len(problems) < len(test.want) {
				t.Errorf("not told: %q", test.want[len(problems):])
			}
			if after, err := yaml.Marshal(nodes[0]); err != nil || string(after) != string(before) {
				t.Errorf("the receiver was changed to %s, %v", after, err)
			}
			if _, err := Build(Options{Receivers: nodes}); (err == nil) != (len(problems) == 0) {
				t.Errorf("Build: %v", err)
			}
		})
	}
}

// Every kind that Alertmanager knows is one here, with a name that tells it.
func TestKinds(t *testing.T) {
	all := mustBuild(t, `
- name: one
  discord_configs: [{webhook_url: 'http://x'}]
  incidentio_configs: [{url: 'http://x', alert_source_token: t}]
  opsgenie_configs: [{api_key: k}]
  wechat_configs: [{api_secret: s, corp_id: c}]
  pushover_configs: [{token: t, user_key: u}]
  victorops_configs: [{api_key: k, routing_key: r}]
  sns_configs: [{topic_arn: 'arn:aws:sns:eu-central-1:1:x', sigv4: {region: eu-central-1, access_key: a, secret_key: b}}]
  telegram_configs: [{bot_token: t, chat_id: 1}]
  webex_configs: [{room_id: r, http_config: {authorization: {credentials: c}}}]
  msteams_configs: [{webhook_url: 'http://x'}]
  msteamsv2_configs: [{webhook_url: 'http://x'}]
  jira_configs: [{api_url: 'http://x', project: p, issue_type: i, http_config: {basic_auth: {username: u, password: p}}}]
  rocketchat_configs: [{token: t, token_id: i, channel: c}]
  mattermost_configs: [{webhook_url: 'http://x'}]
- name: two
  email_configs: [{to: a@b, from: a@b, smarthost: 'x:25'}]
  pagerduty_configs: [{routing_key: r}, {service_key: s}]
  slack_configs: [{api_url: 'http://x'}]
  webhook_configs: [{url: 'http://x'}]
`)
	names := map[string]bool{}
	for _, r := range all {
		names[r.Name()] = true
	}
	if len(names) != len(kinds())+1 || len(all) != len(names) || !names["pagerduty/two/1"] || !names["msteamsv2/one/0"] {
		t.Errorf("%d of %d kinds: %v", len(names)-1, len(kinds()), names)
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/there", "x")
	nodes := parse(t, strings.ReplaceAll(`
- name: a
  pagerduty_configs:
  - routing_key_file: DIR/there
  - routing_key_file: DIR/gone
  webhook_configs:
  - url_file: DIR
    http_config: {tls_config: {ca_file: DIR/gone}}
`, "DIR", dir))
	want := []string{"5 pagerduty_configs[1].routing_key_file: no such file", "7 webhook_configs[0].url_file: not a regular file",
		"8 webhook_configs[0].http_config.tls_config.ca_file: no such file"}
	problems := CheckFiles(nodes)
	if len(problems) != len(want) {
		t.Fatal(problems)
	}
	for i, p := range problems {
		_, cause, _ := strings.Cut(p.Problem, ": ")
		if got := fmt.Sprintf("%d %s: %s", p.Line, p.Key, cause); !strings.HasPrefix(got, want[i]) {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
	if os.Getuid() != 0 { // who may read everything
		if err := os.Chmod(dir+"/there", 0); err != nil {
			t.Fatal(err)
		}
		if len(CheckFiles(nodes)) != 4 {
			t.Error("a file without permission is none of the problems")
		}
	}
}

// Whatever the receivers: problems on their own lines, or receivers.
func FuzzCheck(f *testing.F) {
	for _, test := range checkTests {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 || len(text) > 4<<10 || !plainMappings(doc.Content[0]) {
			return
		}
		problems := Check(doc.Content[0].Content)
		for _, p := range problems {
			if p.Line < 1 || p.Problem == "" || p.Want == "" || strings.ContainsAny(p.Error(), "\n\x00") {
				t.Errorf("%+v", p)
			}
		}
		if _, err := Build(Options{Receivers: doc.Content[0].Content}); (err == nil) != (len(problems) == 0) {
			t.Errorf("%v, and Build says %v", problems, err)
		}
	})
}

// plainMappings says whether the nodes are what package config lets through.
func plainMappings(list *yaml.Node) bool {
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			return false
		}
	}
	return list.Kind == yaml.SequenceNode && plainNode(list, 32)
}

func plainNode(node *yaml.Node, levels int) bool {
	seen := map[string]bool{}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			if child.Kind != yaml.ScalarNode || seen[child.Value] {
				return false
			}
			seen[child.Value] = true
		}
		if levels == 0 || !plainNode(child, levels-1) {
			return false
		}
	}
	return node.Kind != yaml.AliasNode
}

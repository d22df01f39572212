package receivers

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing that is wrong with the receivers. Its texts hold no values of the file: they may be secrets.
type Problem struct {
	Receiver int    // its index
	Key      string // below the receiver: slack_configs[0].api_url; empty: the receiver itself
	Line     int    // in the operator's file
	Problem  string
	Want     string
}

func (p Problem) Error() string {
	key := strings.TrimSuffix(fmt.Sprintf("receivers[%d].%s", p.Receiver, p.Key), ".")
	return fmt.Sprintf("line %d: %s: %s; want %s", p.Line, key, p.Problem, p.Want)
}

// longestName bounds names of receivers and keys where they are shown.
const longestName = 64

// Check returns all that can be known to be wrong without asking the host. The nodes are mappings without aliases and
// without a key twice.
func Check(receivers []*yaml.Node) []Problem {
	var problems []Problem
	names := map[string]int{} // name → line
	for i, node := range receivers {
		node = clone(node) // it is taken apart to find what is at fault
		c := &checker{index: i, node: node, at: placesOf(node)}
		c.name(names)
		c.shape()
		c.files()
		if len(c.problems) == 0 { // Alertmanager would stumble over the same
			c.content()
		}
		problems = append(problems, c.problems...)
	}
	return problems
}

// checker looks at one receiver.
type checker struct {
	index    int
	node     *yaml.Node
	at       places
	problems []Problem
}

func (c *checker) fail(at place, problem, want string) {
	c.problems = append(c.problems, Problem{c.index, at.key, max(at.line, 1), problem, want})
}

func (c *checker) name(taken map[string]int) {
	value := c.value("name")
	switch at := c.at[value]; {
	case value == nil:
		c.fail(c.at[c.node], "a receiver without a name", "name: on-call")
	case value.Kind != yaml.ScalarNode || value.Value == "" || value.ShortTag() == "!!null":
		c.fail(at, "not a name", "one like on-call")
	case value.Value == nobody:
		c.fail(at, "a reserved name", "another name")
	case taken[value.Value] > 0:
		c.fail(at, fmt.Sprintf("the name of the receiver on line %d too", taken[value.Value]), "a name of its own")
	default:
		taken[value.Value] = at.line
	}
}

func (c *checker) value(name string) *yaml.Node {
	for i := 0; i+1 < len(c.node.Content); i += 2 {
		if c.node.Content[i].Value == name {
			return c.node.Content[i+1]
		}
	}
	return nil
}

// shape holds the receiver to channels that are mappings, and at least one: one that tells nobody is a mistake here,
// where there are no routes.
func (c *checker) shape() {
	some := false
	for i := 0; i+1 < len(c.node.Content); i += 2 {
		key, list := c.node.Content[i], c.node.Content[i+1]
		if key.Value == "name" || key.Value == "labels" {
			continue
		}
		some = true
		if !slices.Contains(kinds(), key.Value) {
			c.fail(c.at[key], "unknown key", "name, or one of "+strings.Join(kinds(), ", "))
			continue
		}
		for _, item := range list.Content {
			if list.Kind != yaml.SequenceNode || item.Kind != yaml.MappingNode {
				c.fail(c.at[item], "not the settings of one receiver in a list", "what "+manualOf(key.Value)+" describes")
				break
			}
		}
		if len(list.Content) == 0 {
			c.fail(c.at[key], "nothing in it", "what "+manualOf(key.Value)+" describes")
		}
	}
	if !some {
		c.fail(c.at[c.node], "a receiver that tells nobody", "one of "+strings.Join(kinds(), ", "))
	}
}

func (c *checker) files() {
	for _, f := range filesOf(c.node, c.at) {
		if !filepath.IsAbs(f.path) {
			c.fail(f.place, "not an absolute path", "one, like /etc/nakama-warden/secrets/pagerduty")
		}
	}
}

const manual = "https://prometheus.io/docs/alerting/latest/"

func manualOf(key string) string {
	kind, _, _ := strings.Cut(key, "[")
	if slices.Contains(kinds(), kind) {
		return manual + "configuration/#" + strings.TrimSuffix(kind, "s") // slack_config
	}
	return manual + "configuration/#receiver"
}

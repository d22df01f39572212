package receivers

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// content has Alertmanager read the receiver, and finds the entries that it does not like. Its reader stops at most
// faults, so it reads channel by channel, and then what is left.
func (c *checker) content() {
	for i := 1; i < len(c.node.Content); i += 2 {
		key, list := c.node.Content[i-1], c.node.Content[i]
		if !slices.Contains(kinds(), key.Value) {
			continue
		}
		for _, item := range list.Content {
			channel := *list
			channel.Content = []*yaml.Node{item}
			alone := *c.node
			alone.Content = []*yaml.Node{scalar("name"), scalar("check"), key, &channel}
			c.at[&alone], c.at[&channel] = c.at[item], c.at[item]
			c.read(&alone)
		}
	}
	if len(c.problems) == 0 {
		c.read(c.node)
	}
	if len(c.problems) == 0 {
		c.templates()
	}
}

func (c *checker) read(receiver *yaml.Node) {
	text, lines, err := document(receiver, c.at)
	if err != nil {
		c.fail(c.at[receiver], "YAML that cannot be written anew", "plain YAML")
		return
	}
	if _, err = load(text); err == nil {
		return
	}
	found := inLines(err, lines)
	if len(found) == 0 {
		found = []fault{{c.culprit(receiver, receiver, err.Error()), reason(err)}}
	}
	for _, f := range found {
		c.fail(f.at, f.problem, "what "+manualOf(f.at.key)+" describes")
	}
}

// fault is what Alertmanager says about an entry.
type fault struct {
	at      place
	problem string
}

// absent begins what is said of a key that is not there.
var absent = regexp.MustCompile(`^(missing|no) `)

// culprit returns the innermost entry without which the error is gone. It is tried, not derived from the words; but
// where one key is absent, taking another away only adds to the trouble.
func (c *checker) culprit(receiver, node *yaml.Node, failure string) place {
	step := 1
	if node.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(node.Content); i += step {
		if node == receiver && node.Content[i].Value == "name" {
			continue
		}
		whole := node.Content
		node.Content = slices.Delete(slices.Clone(whole), i, i+step)
		_, err := read(receiver)
		node.Content = whole
		if err == nil || (err.Error() != failure && !absent.MatchString(failure)) {
			return c.culprit(receiver, whole[i+step-1], failure)
		}
	}
	return c.at[node]
}

// templates tries what is written in Alertmanager's template language.
func (c *checker) templates() {
	t, err := newTemplates(&url.URL{})
	if err != nil {
		return // they are built in, and a test holds them
	}
	name := model.LabelSet{model.AlertNameLabel: alertPrefix}
	sample := t.Data("check", name, nil, "", &alert.Alert{Alert: model.Alert{Labels: name}})
	scalars(c.node, "", func(_ string, value *yaml.Node) {
		if !strings.Contains(value.Value, "{{") {
			return
		}
		if _, err := t.ExecuteTextString(value.Value, sample); err != nil {
			parts := strings.Split(harmless(err.Error(), longestAnswer), ": ") // places in the template, and the reason
			c.fail(c.at[value], "a template that fails: "+parts[len(parts)-1], "what "+manual+"notifications/ describes")
		}
	})
}

var (
	lineOf    = regexp.MustCompile(`(?m)^\s*line (\d+): (.*)$`)
	unknown   = regexp.MustCompile(`^field .* not found in type .*$`)
	misfit    = regexp.MustCompile("^cannot unmarshal !!(\\w+)(?: `.*`)? into (.*)$")
	unparsed  = regexp.MustCompile(`parse ".*": `)
	quotation = regexp.MustCompile("[\"`].*[\"`]")
)

// inLines returns what the reader of YAML itself found.
func inLines(err error, lines map[int]place) []fault {
	var found []fault
	for _, m := range lineOf.FindAllStringSubmatch(err.Error(), -1) {
		line, convErr := strconv.Atoi(m[1])
		at, known := lines[line]
		if convErr != nil || !known {
			continue
		}
		problem := unquoted(m[2])
		if unknown.MatchString(m[2]) {
			problem = "unknown key"
		} else if kind := misfit.FindStringSubmatch(m[2]); kind != nil {
			problem = fmt.Sprintf("a value of the wrong type (%s where %s is read)", kind[1], kind[2])
		}
		found = append(found, fault{at, problem})
	}
	return found
}

// reason is what Alertmanager says. It has a global section to speak of; a configuration of ours has not.
func reason(err error) string {
	return strings.Replace(unquoted(unparsed.ReplaceAllString(err.Error(), "")), "no global ", "no ", 1)
}

// unquoted leaves out the values that are quoted: they may be secrets.
func unquoted(text string) string {
	return harmless(quotation.ReplaceAllString(text, "…"), longestAnswer)
}

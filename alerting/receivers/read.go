package receivers

import (
	"errors"
	"fmt"

	"github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v3"
)

// place is where something stands in the operator's file, and the key of it below the receiver: slack_configs[0].api_url.
type place struct {
	line int
	key  string
}

// nobody is the receiver of the route that Alertmanager's reader insists on.
const nobody = "nakama-warden routes nothing"

// read has Alertmanager read one receiver, so that its defaults and its rules apply.
func read(node *yaml.Node) (config.Receiver, error) {
	text, _, err := document(node, nil)
	if err != nil {
		return config.Receiver{}, err
	}
	return load(text)
}

func load(text string) (receiver config.Receiver, err error) {
	defer func() {
		if recover() != nil { // as with Slack's update_message and no URL
			err = errors.New("a combination that Alertmanager's reader does not survive")
		}
	}()
	c, err := config.Load(text)
	if err != nil {
		return config.Receiver{}, err
	}
	if len(c.Receivers) != 2 {
		return config.Receiver{}, errors.New("not one receiver")
	}
	return c.Receivers[1], nil
}

// document returns a configuration of Alertmanager with this receiver alone, each of its keys on a line of its own, and
// where each of these lines stands in the operator's file.
func document(node *yaml.Node, at places) (text string, lines map[int]place, err error) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{mapping("name", scalar(nobody)), unfolded(node)}}
	root := mapping("route", mapping("receiver", scalar(nobody)))
	root.Content = append(root.Content, scalar("receivers"), list)
	encoded, err := yaml.Marshal(root)
	if err != nil {
		return "", nil, fmt.Errorf("write the receiver anew: %w", err)
	}
	var back yaml.Node
	if err := yaml.Unmarshal(encoded, &back); err != nil {
		return "", nil, fmt.Errorf("read the receiver anew: %w", err)
	}
	lines = map[int]place{}
	at.pair(back.Content[0].Content[3].Content[1], node, lines)
	return string(encoded), lines, nil
}

// places knows where the keys, the values and the items of a receiver stand.
type places map[*yaml.Node]place

func placesOf(receiver *yaml.Node) places {
	at := places{}
	at.add(receiver, place{receiver.Line, ""})
	return at
}

func (p places) add(node *yaml.Node, at place) {
	p[node] = at
	for i, child := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			p.add(child, place{child.Line, fmt.Sprintf("%s[%d]", at.key, i)})
		case node.Kind == yaml.MappingNode && i%2 == 0:
			entry := place{child.Line, join(at.key, child.Value)}
			p[child] = entry
			p.add(node.Content[i+1], entry)
		}
	}
}

// pair walks what was written anew beside the original. Of what shares a line the innermost wins.
func (p places) pair(copied, original *yaml.Node, lines map[int]place) {
	lines[copied.Line] = p[original]
	if len(copied.Content) != len(original.Content) {
		return
	}
	for i, child := range copied.Content {
		p.pair(child, original.Content[i], lines)
	}
}

func join(key, name string) string {
	name = harmless(name, longestName)
	if key == "" {
		return name
	}
	return key + "." + name
}

// unfolded returns a copy without flow style and comments, so that it is written with a line for each key.
func unfolded(node *yaml.Node) *yaml.Node {
	plain := &yaml.Node{Kind: node.Kind, Tag: node.Tag, Value: node.Value, Style: node.Style &^ yaml.FlowStyle}
	for _, child := range node.Content {
		plain.Content = append(plain.Content, unfolded(child))
	}
	return plain
}

// clone returns a copy that may be taken apart.
func clone(node *yaml.Node) *yaml.Node {
	c := *node
	c.Content = nil
	for _, child := range node.Content {
		c.Content = append(c.Content, clone(child))
	}
	return &c
}

func mapping(key string, value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar(key), value}}
}

func scalar(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// decoder collects what is found while a file is read, and remembers where everything stood for the checks that follow.
type decoder struct {
	file     string
	problems Problems
	warnings Problems
	lines    map[string]int      // the line of each key that the file has
	origins  map[string][]string // of each list the keys of the items that were accepted, in their order
}

// value is a node of the file and the key it stands under.
type value struct {
	d    *decoder
	key  string
	node *yaml.Node
}

// fields reads the values of a mapping whose keys are known.
type fields map[string]func(value)

// document returns the one document of the text; not ok if there is nothing to read or no way to read it.
func (d *decoder) document(text []byte) (value, bool) {
	root := value{d: d}
	if i := invalidUTF8(text); i >= 0 {
		d.failOn(1+bytes.Count(text[:i], []byte("\n")), "", "a byte that is not UTF-8", "a file in UTF-8")
		return root, false
	}
	var first, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&first); err != nil {
		if !errors.Is(err, io.EOF) {
			d.syntax(err)
		}
		return root, false
	}
	if err := decoder.Decode(&second); err == nil {
		d.failOn(second.Line, "", "a second document", "one document")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	if len(first.Content) != 1 {
		return root, false
	}
	root.node = first.Content[0]
	return root, !root.null()
}

var syntaxLine = regexp.MustCompile(`^(?:line (\d+): )?(.*)$`)

func (d *decoder) syntax(err error) {
	parts := syntaxLine.FindStringSubmatch(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "\n", " "))
	line, convErr := strconv.Atoi(parts[1])
	if convErr != nil {
		line = 1 // the parser names no line for a few errors
	}
	d.failOn(line, "", parts[2], "valid YAML")
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func (d *decoder) fail(key, problem, want string) { d.failOn(d.line(key), key, problem, want) }

func (d *decoder) failOn(line int, key, problem, want string) {
	d.problems = append(d.problems, Problem{d.file, max(line, 1), cmp.Or(key, "yaml"), problem, want})
}

func (d *decoder) warn(key, problem, want string) {
	d.warnings = append(d.warnings, Problem{d.file, d.line(key), cmp.Or(key, "yaml"), problem, want})
}

// failed says that something below the key was found wrong already.
func (d *decoder) failed(key string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		return p.Key == key || strings.HasPrefix(p.Key, key+".") || strings.HasPrefix(p.Key, key+"[")
	})
}

// line is that of the key, or of the closest key above it that the file has.
func (d *decoder) line(key string) int {
	for key != "" {
		if line, ok := d.lines[key]; ok {
			return line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 1
}

func (v value) fail(problem, want string) { v.d.fail(v.key, problem, want) }
func (v value) warn(problem, want string) { v.d.warn(v.key, problem, want) }
func (v value) is(tag string) bool        { return v.node.Kind != yaml.AliasNode && v.node.ShortTag() == tag }
func (v value) scalar() bool              { return v.node.Kind == yaml.ScalarNode && !v.null() }
func (v value) mapping() bool             { return v.node.Kind == yaml.MappingNode && v.is("!!map") }
func (v value) sequence() bool            { return v.node.Kind == yaml.SequenceNode && v.is("!!seq") }
func (v value) child(key string) string   { return strings.TrimPrefix(v.key+"."+segment(key), ".") }

// null is what is left empty or written as null or ~; not what carries an explicit tag.
func (v value) null() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.Style&yaml.TaggedStyle == 0 && v.is("!!null")
}

// wrongType shows what is there, as an operator would call it.
func (v value) wrongType(want string) {
	if v.scalar() {
		v.fail(quote(v.node.Value), want)
		return
	}
	v.fail(v.kind(), want)
}

// kind is the type alone: a value in the wrong place may be a secret.
func (v value) kind() string {
	switch {
	case v.null():
		return "nothing"
	case v.mapping():
		return "a mapping"
	case v.sequence():
		return "a list"
	case v.is("!!int"), v.is("!!float"):
		return "a number"
	case v.is("!!str"), v.is("!!bool"):
		return "a text"
	}
	return "a value tagged " + quote(v.node.ShortTag())
}

// entries calls read for each entry of a mapping, whatever its key. An entry that is null is passed on as well.
func (v value) entries(read func(name string, entry value)) {
	if !v.mapping() {
		v.fail(v.kind(), "a mapping (key: value)")
		return
	}
	seen := map[string]int{} // name → line
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		name, entry := v.node.Content[i], value{v.d, "", v.node.Content[i+1]}
		if name.Kind != yaml.ScalarNode {
			v.d.failOn(name.Line, v.key, "a key that is no single word", "key: value")
			continue
		}
		entry.key = v.child(name.Value)
		if first, taken := seen[name.Value]; taken {
			v.d.failOn(name.Line, entry.key, fmt.Sprintf("a second time; the first is on line %d", first), "each key once")
			continue
		}
		seen[name.Value], v.d.lines[entry.key] = name.Line, name.Line
		if entry.usable() {
			read(name.Value, entry)
		}
	}
}

// fields reads a mapping of known keys. A key that is null keeps its default.
func (v value) fields(known fields) {
	v.entries(func(name string, entry value) {
		read, ok := known[name]
		switch {
		case !ok:
			entry.fail("unknown key", oneOf(name, slices.Sorted(maps.Keys(known))))
		case !entry.null():
			read(entry)
		}
	})
}

// usable refuses aliases: they can make a small file a huge one, and groups are there to name things once.
func (v value) usable() bool {
	if v.node.Kind == yaml.AliasNode {
		v.fail("an alias", "the value itself, written out")
		return false
	}
	return true
}

// list reads the items of a list and keeps those that read accepts; example is what such a list looks like.
func list[T any](v value, example string, read func(value) (T, bool)) []T {
	if !v.sequence() {
		v.fail(v.kind(), "a list, like "+example)
		return nil
	}
	var accepted []T
	for i, node := range v.node.Content {
		item := value{v.d, fmt.Sprintf("%s[%d]", v.key, i), node}
		v.d.lines[item.key] = node.Line
		if !item.usable() {
			continue
		}
		if t, ok := read(item); ok {
			accepted = append(accepted, t)
			v.d.origins[v.key] = append(v.d.origins[v.key], item.key)
		}
	}
	return accepted
}

// raw returns a mapping as it is, once it is known to hold no alias and no key twice.
func (v value) raw() (*yaml.Node, bool) {
	if !v.mapping() {
		v.fail(v.kind(), "a mapping")
		return nil, false
	}
	before := len(v.d.problems)
	v.walk(deepest)
	return v.node, len(v.d.problems) == before
}

// deepest bounds the nesting of what is kept raw: receivers need half a dozen levels.
const deepest = 32

func (v value) walk(levels int) {
	if levels == 0 {
		v.fail("nested too deeply", fmt.Sprintf("at most %d levels", deepest))
		return
	}
	switch {
	case v.mapping():
		v.entries(func(_ string, entry value) { entry.walk(levels - 1) })
	case v.sequence():
		list(v, "", func(item value) (struct{}, bool) { item.walk(levels - 1); return struct{}{}, true })
	}
}

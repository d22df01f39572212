package receivers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CheckFiles returns which of the files that the receivers name cannot be read: secrets, keys and certificates. They are
// read anew with each delivery, so this is about now.
func CheckFiles(receivers []*yaml.Node) []Problem {
	var problems []Problem
	for i, node := range receivers {
		for _, f := range filesOf(node, placesOf(node)) {
			if err := readable(f.path); err != nil {
				problems = append(problems, Problem{i, f.key, f.line, err.Error(), "a file that this user can read"})
			}
		}
	}
	return problems
}

// file is one that a receiver names, and where.
type file struct {
	place
	path string
}

// filesOf finds them by their keys: api_url_file, credentials_file, ca_file …, and files below http_headers.
func filesOf(receiver *yaml.Node, at places) []file {
	var all []file
	scalars(receiver, "", func(name string, value *yaml.Node) {
		key := at[value].key
		listed := strings.Contains(key, "http_headers.") && strings.Contains(key, ".files[")
		if (strings.HasSuffix(name, "_file") || listed) && value.Value != "" {
			all = append(all, file{at[value], value.Value})
		}
	})
	return all
}

// scalars visits the plain values, each with the name of its key; an item of a list has none.
func scalars(node *yaml.Node, name string, visit func(name string, value *yaml.Node)) {
	if node.Kind == yaml.ScalarNode {
		visit(name, node)
	}
	for i, child := range node.Content {
		switch {
		case node.Kind != yaml.MappingNode:
			scalars(child, "", visit)
		case i%2 == 1:
			scalars(child, node.Content[i-1].Value, visit)
		}
	}
}

func readable(path string) error {
	if info, err := os.Stat(path); err != nil {
		return short(path, err)
	} else if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", harmless(path, longestLabel)) // a pipe would be waited for
	}
	f, err := os.Open(path)
	if err != nil {
		return short(path, err)
	}
	defer f.Close()
	if _, err := f.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		return short(path, err)
	}
	return nil
}

// short names the file and the cause in one line.
func short(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return fmt.Errorf("%s: %w", harmless(path, longestLabel), err)
}

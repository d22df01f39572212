package lint

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Imports returns the imports of every Go file of the module. Other modules inside the tree are left out.
func Imports(tree fs.FS, module string) ([]Import, error) {
	var imports []Import
	err := walk(tree, func(name string, text []byte) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		found, err := importsOf(name, text, module)
		imports = append(imports, found...)
		return err
	})
	return imports, err
}

func importsOf(name string, text []byte, module string) ([]Import, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, text, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("parse %w", err)
	}
	var imports []Import
	for _, spec := range parsed.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("parse %s: import %s: %w", name, spec.Path.Value, err)
		}
		inside, ours := strings.CutPrefix(to, module+"/")
		imports = append(imports, Import{
			File:  name,
			Line:  files.Position(spec.Pos()).Line,
			To:    inside,
			Ours:  ours,
			Blank: spec.Name != nil && spec.Name.Name == "_",
		})
	}
	return imports, nil
}

// Places returns every mention of a folder that exists on one machine only: somebody's home or workspace.
func Places(tree fs.FS) ([]string, error) {
	place := regexp.MustCompile(`(?:^|[^\w.~$}-])(/(?:home|root|Users|work|workspace)/[\w.-]+)`)
	var problems []string
	err := walk(tree, func(name string, text []byte) error {
		if bytes.IndexByte(text, 0) >= 0 {
			return nil // not a text
		}
		for number, line := range bytes.Split(text, []byte("\n")) {
			if found := place.FindSubmatch(line); found != nil {
				problems = append(problems, fmt.Sprintf("%s:%d: names %s, a folder of one machine", name, number+1, found[1]))
			}
		}
		return nil
	})
	return problems, err
}

// walk calls visit for every file that belongs to the source: nothing built, nothing hidden, no other module.
func walk(tree fs.FS, visit func(name string, text []byte) error) error {
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (skipped(entry.Name()) || isModule(tree, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return visit(name, text)
	})
}

func skipped(folder string) bool {
	return slices.Contains([]string{".git", "bin", "dist", "testdata"}, folder)
}

func isModule(tree fs.FS, folder string) bool {
	_, err := fs.Stat(tree, path.Join(folder, "go.mod"))
	return err == nil
}

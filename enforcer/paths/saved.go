package paths

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// The bounds of what is read of saved rulesets.
const (
	maxSavedSize = 16 << 20
	maxSaved     = 64 // files
)

// savedRulesets are the files, loaded at boot or by an operator, that name our table. nft loads a file whole or not at
// all, and refuses one that touches an owned table.
func (l *look) savedRulesets() []string {
	r := savedReader{root: l.opts.Root, seen: map[string]bool{}}
	for _, pattern := range []string{"/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables/*.nft"} {
		r.include(pattern)
	}
	for _, err := range r.errs {
		l.problem("read saved rulesets", err)
	}
	slices.Sort(r.naming)
	return r.naming
}

// savedReader reads files and what they include, each once.
type savedReader struct {
	root   string
	seen   map[string]bool
	naming []string
	errs   []error
}

// include reads the files that a pattern stands for. A folder stands for nothing, as for nft.
func (r *savedReader) include(pattern string) {
	found, err := filepath.Glob(filepath.Join(r.root, pattern))
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("include %q: %w", pattern, err))
	}
	for _, path := range found {
		if r.seen[path] || len(r.seen) == maxSaved {
			continue
		}
		r.seen[path] = true
		if err := r.read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.errs = append(r.errs, err)
		}
	}
}

func (r *savedReader) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSavedSize))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	named, includes := parseSaved(text)
	if named {
		inside, err := filepath.Rel(r.root, path)
		if err != nil {
			return err
		}
		r.naming = append(r.naming, "/"+inside)
	}
	for _, include := range includes {
		if !filepath.IsAbs(include) {
			include = filepath.Join("/etc", include) // nft's own folder for includes
		}
		r.include(include)
	}
	return nil
}

// parseSaved says whether a script of nft names our table, and which files it includes.
func parseSaved(text []byte) (named bool, includes []string) {
	if !bytes.Contains(text, []byte(ruleset.TableName)) && !bytes.Contains(text, []byte("include")) {
		return false, nil // large saved sets cost nothing more
	}
	for line := range strings.Lines(string(text)) {
		words := nftWords(line)
		for i, word := range words {
			switch {
			case word == ruleset.TableName && i > 0 && words[i-1] == "inet":
				named = true
			case word == "include" && i+1 < len(words):
				includes = append(includes, strings.Trim(words[i+1], `"'`))
			}
		}
	}
	return named, includes
}

// nftWords splits a line of a script into words, without its comment. Quoted text is one word.
func nftWords(line string) []string {
	var words []string
	for line != "" {
		line = strings.TrimLeft(line, " \t\r\n{};")
		if line == "" || line[0] == '#' {
			break
		}
		end := strings.IndexAny(line, " \t\r\n{};#")
		if line[0] == '"' {
			if end = strings.IndexByte(line[1:], '"'); end >= 0 {
				end += 2
			}
		}
		if end < 0 {
			end = len(line)
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return words
}

package cgroup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// level is one cgroup on the way from a process up to the topmost that can be seen.
type level struct {
	dir  string
	path string // as the process's own path names it
}

// mount is a place where a cgroup hierarchy can be read. Its root is the cgroup that the mount point shows.
type mount struct {
	root  string
	point string
}

// errUnseen is no failure of reading: a container's mounts show a part of the hierarchy only.
var errUnseen = errors.New("no mounted hierarchy shows it (run outside of the container, or mount the host's cgroups)")

// levels returns the member's cgroup and all above it, the innermost first.
func (m member) levels(mountinfo string) ([]level, error) {
	text, err := readFile(mountinfo, large)
	if err != nil {
		return nil, err
	}
	mounts := parseMounts(text, m.version)
	// The shortest root shows the most ancestors.
	slices.SortStableFunc(mounts, func(a, b mount) int { return cmp.Compare(len(a.root), len(b.root)) })
	err = errUnseen
	for _, mount := range mounts {
		levels, seen := mount.levels(m.path)
		if !seen {
			continue
		}
		// Another file system may lie over this mount, or the cgroup may just have been removed.
		info, statErr := os.Stat(levels[0].dir)
		switch {
		case statErr != nil:
			err = statErr
		case !info.IsDir():
			err = fmt.Errorf("%s: %w", levels[0].dir, fs.ErrNotExist)
		default:
			return levels, nil
		}
	}
	return nil, err
}

// levels returns nothing for a path that the mount does not show.
func (m mount) levels(path string) ([]level, bool) {
	root, names := split(m.root), split(path)
	if len(names) < len(root) || !slices.Equal(root, names[:len(root)]) {
		return nil, false
	}
	// Beyond the root, ".." leads to a cgroup whose name cannot be known.
	below := names[len(root):]
	if slices.Contains(below, "..") || slices.Contains(below, ".") {
		return nil, false
	}
	levels := make([]level, 0, len(below)+1)
	for n := len(below); n >= 0; n-- {
		levels = append(levels, level{
			dir:  filepath.Join(m.point, filepath.Join(below[:n]...)),
			path: "/" + strings.Join(names[:len(root)+n], "/"),
		})
	}
	return levels, true
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// parseMounts reads mountinfo: ID PARENT DEVICE ROOT POINT OPTIONS [TAG]… - TYPE SOURCE SUPEROPTIONS. Lines that are
// something else are of no use here and left out.
func parseMounts(text []byte, version int) []mount {
	var mounts []mount
	for line := range bytes.Lines(text) {
		place, kind, found := strings.Cut(string(line), " - ")
		fields, types := strings.Fields(place), strings.Fields(kind)
		if !found || len(fields) < 6 || len(types) < 3 || !holdsMemory(types, version) {
			continue
		}
		m := mount{root: unescape(fields[3]), point: unescape(fields[4])}
		if strings.HasPrefix(m.root, "/") && strings.HasPrefix(m.point, "/") {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

func holdsMemory(types []string, version int) bool {
	if version == 1 {
		return types[0] == "cgroup" && slices.Contains(strings.Split(types[2], ","), "memory")
	}
	return types[0] == "cgroup2"
}

// unescape undoes the kernel's octal writing of blanks, backslashes and hashes: \040 is a space.
func unescape(field string) string {
	if !strings.Contains(field, `\`) {
		return field
	}
	var out strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '\\' && i+3 < len(field) {
			if code, err := strconv.ParseUint(field[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		out.WriteByte(field[i])
	}
	return out.String()
}

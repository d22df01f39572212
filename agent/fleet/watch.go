package fleet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// mostLinks is where the kernel gives up following symbolic links, too.
const mostLinks = 40

// watch tells of changes of files, by their directories: a file that is replaced has another inode, and a watch on the
// old one would tell nothing any more.
type watch struct {
	notify *fsnotify.Watcher
	plan   plan
}

// plan is what to watch for: the directories, and in them the names and patterns whose change matters.
type plan struct {
	directories []string
	names       []string
}

func newWatch() (*watch, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &watch{notify: notify}, nil
}

// follow watches for what the patterns stand for now. It must be called before the files are read, so that a change
// after the reading is told.
func (w *watch) follow(patterns []string) error {
	for range mostLinks {
		w.plan = planFor(patterns)
		if err := w.apply(); err != nil {
			return err
		}
		// What was made between the plan and the watch told nobody.
		if w.plan.equal(planFor(patterns)) {
			return nil
		}
	}
	return errors.New("the directories change faster than they can be watched")
}

func (w *watch) apply() error {
	for _, directory := range w.notify.WatchList() {
		if !slices.Contains(w.plan.directories, directory) {
			_ = w.notify.Remove(directory) // gone already: the watch went with the directory
		}
	}
	var failed error
	for _, directory := range w.plan.directories {
		if err := w.notify.Add(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// channels returns what the kernel tells; of no watch, what never tells anything.
func (w *watch) channels() (<-chan fsnotify.Event, <-chan error) {
	if w == nil {
		return nil, nil
	}
	return w.notify.Events, w.notify.Errors
}

func (w *watch) close() { _ = w.notify.Close() } // nothing was written that could be lost

// matters says whether the event may have changed an answer.
func (w *watch) matters(event fsnotify.Event) bool {
	if slices.Contains(w.plan.directories, event.Name) {
		return true // the directory itself was moved or removed, and with it fsnotify's watch: follow adds the next one's
	}
	return slices.ContainsFunc(w.plan.names, func(name string) bool {
		matched, err := filepath.Match(name, event.Name)
		return name == event.Name || err == nil && matched
	})
}

func planFor(patterns []string) plan {
	var p plan
	for _, pattern := range patterns {
		pattern = absolute(pattern)
		p.add(hops(filepath.Dir(pattern)))
		if !isGlob(pattern) {
			p.add(hops(pattern))
			continue
		}
		// A file that appears is an event in the directory, whatever links lead to that.
		if directory, err := filepath.EvalSymlinks(filepath.Dir(pattern)); err == nil {
			p.directories = append(p.directories, directory)
			p.names = append(p.names, filepath.Join(directory, filepath.Base(pattern)))
		}
		files, _ := filepath.Glob(pattern) // its only error is a bad pattern, which reading tells
		for _, file := range files {
			p.add(hops(file))
		}
	}
	slices.Sort(p.directories)
	p.directories = slices.Compact(p.directories)
	slices.Sort(p.names)
	p.names = slices.Compact(p.names)
	return p
}

func (p plan) equal(q plan) bool {
	return slices.Equal(p.directories, q.directories) && slices.Equal(p.names, q.names)
}

func (p *plan) add(names []string) {
	for _, name := range names {
		p.names = append(p.names, name)
		p.directories = append(p.directories, filepath.Dir(name))
	}
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// hops returns every name on the way to the file whose replacement would lead elsewhere: each symbolic link, and the file
// itself or the first part of its path that does not exist. All are free of links but in their last part.
func hops(path string) []string {
	var found []string
	resolved, rest := "/", strings.Split(strings.Trim(path, "/"), "/")
	for links := 0; len(rest) > 0 && links < mostLinks; {
		at := filepath.Join(resolved, rest[0]) // also for "..": what is resolved has no links
		rest = rest[1:]
		info, err := os.Lstat(at)
		switch {
		case err != nil:
			return append(found, at)
		case info.Mode()&fs.ModeSymlink == 0:
			resolved = at
		default:
			links++
			found = append(found, at)
			target, err := os.Readlink(at)
			if err != nil {
				return found
			}
			if filepath.IsAbs(target) {
				resolved = "/"
			}
			rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
		}
	}
	return append(found, resolved)
}

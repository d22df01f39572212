package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/nakama-warden/nakama-warden/status"
)

const (
	// attempts and retryAfter give whoever writes a file in place, or deletes and makes it, the time to be done.
	attempts   = 3
	retryAfter = 100 * time.Millisecond
	// settleTime is awaited after a change: most come in bursts.
	settleTime = 50 * time.Millisecond
	// reread is the safety net under the watch: network file systems and moved ancestors of a directory tell nothing.
	reread = 5 * time.Minute
	// rereadUnwatched is used where the kernel gives no watch (fs.inotify.max_user_instances or _watches is used up).
	rereadUnwatched = 10 * time.Second
)

// follow returns how long to wait for an event before reading again.
func (f *Fleet) follow(w *watch) time.Duration {
	var patterns []string
	for _, key := range f.keys() {
		patterns = append(patterns, key.pattern)
	}
	if len(patterns) > 0 && (w == nil || w.follow(patterns) != nil) {
		return rereadUnwatched
	}
	return reread
}

// await returns when the sources should be read again, or the context ends.
func (f *Fleet) await(ctx context.Context, w *watch, interval time.Duration) {
	timer := f.after(interval)
	changes, failures := w.channels()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer:
			return
		case <-f.accepted: // what was let go may make room for an answer that was refused
			return
		case <-failures: // the kernel's queue ran over: anything may have changed
			return
		case event := <-changes:
			if w.matters(event) {
				f.absorb(ctx, w)
				return
			}
		}
	}
}

// absorb takes the rest of a burst.
func (f *Fleet) absorb(ctx context.Context, w *watch) {
	timer := f.after(settleTime)
	changes, failures := w.channels()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer:
			return
		case <-failures:
		case <-changes:
		}
	}
}

// refresh reads all sources and lets into force what may.
func (f *Fleet) refresh(ctx context.Context) {
	f.refreshing.Lock()
	defer f.refreshing.Unlock()
	fresh, problems := f.read(ctx)
	if ctx.Err() != nil {
		return // half an answer is none
	}
	f.mu.Lock()
	f.refreshed = f.now()
	next, refused := admit(f.services, f.refreshed, f.records, fresh)
	for key, problem := range refused {
		problems[key] = "refused: " + problem
	}
	for name, rec := range next {
		if !f.anyDown(name, problems) {
			rec.Success = f.refreshed
			next[name] = rec
		}
	}
	events := f.sourceEvents(problems)
	f.problems = problems
	events = append(events, f.settle(next)...)
	f.mu.Unlock()
	f.tellAll(events)
}

// read reads each source, and those that fail again a moment later.
func (f *Fleet) read(ctx context.Context) (answers, map[sourceKey]string) {
	fresh, problems := answers{}, map[sourceKey]string{}
	waiting := f.keys()
	for attempt := 0; attempt < attempts && len(waiting) > 0; attempt++ {
		if attempt > 0 {
			select {
			case <-f.after(retryAfter):
			case <-ctx.Done():
				return fresh, problems
			}
		}
		clear(problems)
		for _, key := range waiting {
			prefixes, err := readSource(key.pattern)
			if err != nil {
				problems[key] = err.Error()
				continue
			}
			fresh[key] = prefixes
		}
		waiting = slices.SortedFunc(maps.Keys(problems), compareKeys)
	}
	return fresh, problems
}

// settle makes the records the ones in force, and returns what there is to tell. The caller holds mu.
func (f *Fleet) settle(next records) []status.Event {
	now := f.now()
	var events []status.Event
	for _, name := range slices.Sorted(maps.Keys(next)) {
		before, after := f.records[name], next[name]
		if e, changed := rosterChanged(now, name, before.inForce(), after.inForce()); changed {
			events = append(events, e)
		}
		if held := after.held(); len(held) > 0 && !slices.Equal(held, before.held()) {
			events = append(events, rosterHeld(now, name, after))
		}
	}
	f.records = next
	f.view = f.describe()
	return append(events, f.store()...)
}

// sourceEvents tells of the sources that went down or came back. The caller holds mu.
func (f *Fleet) sourceEvents(problems map[sourceKey]string) []status.Event {
	var events []status.Event
	for _, key := range f.keys() {
		problem, down := problems[key]
		_, wasDown := f.problems[key]
		source := f.sourceName(key)
		if down && !wasDown {
			events = append(events, sourceFailed(f.refreshed, key.group, source, problem))
		}
		if !down && wasDown {
			events = append(events, sourceBack(f.refreshed, key.group, source))
		}
	}
	return events
}

// describe builds what Status returns. The caller holds mu.
func (f *Fleet) describe() []status.Group {
	view := make([]status.Group, 0, len(f.records))
	for _, name := range slices.Sorted(maps.Keys(f.records)) {
		rec := f.records[name]
		entries := rec.inForce()
		prefixes := policy.Coalesce(entries)
		view = append(view, status.Group{Name: name, Addresses: len(prefixes), Entries: len(entries), Prefixes: texts(prefixes),
			LastSuccess: rec.Success, Sources: f.sources(name), Held: texts(rec.held()), HeldReason: rec.heldReason(name)})
	}
	return view
}

func (f *Fleet) sources(name string) []status.Source {
	var sources []status.Source
	if len(f.groups[name].Static) > 0 {
		sources = append(sources, status.Source{Name: "static/0", Up: true})
	}
	for i, pattern := range f.groups[name].Files {
		problem, down := f.problems[sourceKey{name, pattern}]
		// Before the first reading nobody knows.
		sources = append(sources, status.Source{Name: fileSource(i), Up: !down && !f.refreshed.IsZero(), Problem: problem})
	}
	slices.SortFunc(sources, func(a, b status.Source) int { return compareSources(a.Name, b.Name) })
	return sources
}

func (f *Fleet) anyDown(group string, problems map[sourceKey]string) bool {
	return slices.ContainsFunc(f.groups[group].Files, func(pattern string) bool {
		_, down := problems[sourceKey{group, pattern}]
		return down
	})
}

func (f *Fleet) sourceName(key sourceKey) string {
	return fileSource(slices.Index(f.groups[key.group].Files, key.pattern))
}

func fileSource(i int) string { return fmt.Sprintf("files/%d", i) }

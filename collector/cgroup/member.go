package cgroup

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// member says in which cgroup a process is charged for its memory.
type member struct {
	version int
	path    string // as seen from our cgroup namespace: "/../x" is outside of it
}

// parseMember reads /proc/PID/cgroup. On a hybrid host the memory controller belongs to version 1 although the unified
// hierarchy is there too, so version 1 goes first. It is false where no hierarchy can account for memory.
func parseMember(text []byte) (member, bool, error) {
	var found member
	for line := range bytes.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3) // a path may hold colons
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "/") {
			return member{}, false, fmt.Errorf("no line of a cgroup file: %.60q", line)
		}
		switch {
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			return member{1, fields[2]}, true, nil
		case fields[0] == "0" && fields[1] == "":
			found = member{2, fields[2]}
		}
	}
	return found, found.version != 0, nil
}

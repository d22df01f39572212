package discovery

import (
	"strings"
)

// Unit returns the container or the systemd unit that a process runs in, from the text of its /proc/PID/cgroup; "" if
// it is in neither. A container is called by its name where that tells one for its ID, else by the ID's first digits.
// Of several inside each other the innermost counts, and a container before the unit that it runs in or that runs in it.
func Unit(cgroup string, name func(id string) string) string {
	groups := controlGroups(cgroup)
	for _, group := range groups {
		if unit := container(group, name); unit != "" {
			return unit
		}
	}
	for _, group := range groups {
		if unit := systemdUnit(group); unit != "" {
			return unit
		}
	}
	return ""
}

// controlGroups reads lines such as "1:name=systemd:/system.slice/nakama.service". The hierarchies of systemd and of
// version 2 ("0::/…") come first: the others may be shared by many units.
func controlGroups(text string) [][]string {
	var first, rest [][]string
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		group := strings.Split(strings.TrimSuffix(parts[2], " (deleted)"), "/")
		if parts[1] == "" || parts[1] == "name=systemd" {
			first = append(first, group)
		} else {
			rest = append(rest, group)
		}
	}
	return append(first, rest...)
}

// container finds the innermost container of a control group.
func container(group []string, name func(id string) string) string {
	for i := len(group) - 1; i >= 0; i-- {
		part, parent := group[i], ""
		if i > 0 {
			parent = group[i-1]
		}
		if id := containerID(part); id != "" {
			// Podman starts a new container with each start of a unit, and puts it below: the unit is what lasts.
			if strings.HasPrefix(part, "libpod-payload-") && strings.HasSuffix(parent, ".service") {
				return parent
			}
			if called := name(id); called != "" {
				return called
			}
			return id[:shortID]
		}
		if called := systemContainer(part, parent); called != "" {
			return called
		}
	}
	return ""
}

// systemContainer returns the name of a container that runs a whole system: LXC, Incus, systemd-nspawn.
func systemContainer(part, parent string) string {
	if parent == "lxc" || parent == "lxc.payload" {
		return part
	}
	if called, found := strings.CutPrefix(part, "lxc.payload."); found {
		return called
	}
	if called, found := strings.CutPrefix(part, "systemd-nspawn@"); found {
		return unescape(strings.TrimSuffix(called, ".service"))
	}
	if called, found := strings.CutPrefix(part, "machine-"); found && strings.HasSuffix(called, ".scope") {
		return unescape(strings.TrimSuffix(called, ".scope"))
	}
	return ""
}

// unescape undoes what systemd does to a dash in a name.
func unescape(name string) string { return strings.ReplaceAll(name, `\x2d`, "-") }

// The lengths of a container's ID, in hexadecimal digits: in full, and as people know it.
const (
	fullID  = 64
	shortID = 12
)

// containerID finds one in a part of a path: alone (/docker/ID, /kubepods/burstable/podUID/ID), or behind the engine's
// name (docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID, kubepods-….slice:cri-containerd:ID).
func containerID(part string) string {
	part = strings.TrimSuffix(part, ".scope")
	engine, id := "", part
	if i := strings.LastIndexAny(part, "-:"); i >= 0 {
		engine, id = part[:i], part[i+1:]
	}
	if len(id) != fullID || strings.Trim(id, "0123456789abcdef") != "" || strings.HasSuffix(engine, "conmon") {
		return ""
	}
	return id
}

// systemdUnit finds the innermost unit of a control group that somebody named.
func systemdUnit(group []string) string {
	for i := len(group) - 1; i >= 0; i-- {
		part := group[i]
		if (strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope")) && !isAnonymous(part) {
			return part
		}
	}
	return ""
}

// isAnonymous says that a unit is that of a person's session, or was given a number by systemd-run: the next time it
// has another name.
func isAnonymous(unit string) bool {
	for _, prefix := range []string{"session-", "user@", "run-", "init.scope"} {
		if strings.HasPrefix(unit, prefix) {
			return true
		}
	}
	return false
}

package collector

import (
	"os"
	"path/filepath"
	"strings"
)

// unitFolders are where systemd has the files of units that somebody installed. Transient ones are not: they end with their unit.
var unitFolders = [...]string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// installed says that a systemd unit has a file, perhaps that of its template.
func installed(root, unit string) bool {
	if !strings.HasSuffix(unit, ".service") {
		return false
	}
	files := []string{unit}
	if template, _, instance := strings.Cut(unit, "@"); instance {
		files = append(files, template+"@.service")
	}
	for _, folder := range unitFolders {
		for _, file := range files {
			if _, err := os.Lstat(filepath.Join(root, folder, file)); err == nil {
				return true
			}
		}
	}
	return false
}

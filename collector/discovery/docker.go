package discovery

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// mostContainer bounds Docker's file about a container, which holds its whole environment.
const mostContainer = 4 << 20

// dockerName returns the name of one of Docker's containers, "" where the file is not there, not Docker's or not
// readable: its ID then serves. The ID is hexadecimal digits.
func (f *Finder) dockerName(id string) string {
	file, err := os.Open(filepath.Join(f.opts.Docker, id, "config.v2.json"))
	if err != nil {
		return ""
	}
	defer file.Close()
	var about struct{ Name string }
	if err := json.NewDecoder(io.LimitReader(file, mostContainer)).Decode(&about); err != nil {
		return ""
	}
	return strings.TrimPrefix(about.Name, "/")
}

// Package debian finds Debian's Prometheus, unpacked where it harms nobody, for the tests of what this project tells it.
package debian

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// fetch is here as a text: a test that was compiled runs where the source cannot be read.
//
//go:embed fetch.sh
var fetch string

// Programs are the programs of Debian's package.
type Programs struct {
	Prometheus string
	Promtool   string
}

// Find returns the programs, which it fetches once. An error says what is lacking; a test that cannot run without them tells it.
func Find(ctx context.Context) (Programs, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", fetch)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	folder, err := cmd.Output()
	if err != nil {
		return Programs{}, fmt.Errorf("it lacks Debian's package debian: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	dir := strings.TrimSpace(string(folder))
	return Programs{Prometheus: filepath.Join(dir, "prometheus"), Promtool: filepath.Join(dir, "promtool")}, nil
}

// Package prometheus finds a real Prometheus for the tests of what this project tells it: metrics and rules.
//
// The tests beside it hold the shipped rules to promtool: every alert is seen to fire, and seen not to. Those below live hold
// them to a daemon, scraped by a real Prometheus.
package prometheus

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
		return Programs{}, fmt.Errorf("it lacks Debian's package prometheus: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	dir := strings.TrimSpace(string(folder))
	return Programs{Prometheus: filepath.Join(dir, "prometheus"), Promtool: filepath.Join(dir, "promtool")}, nil
}

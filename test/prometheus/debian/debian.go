// Package debian finds Debian's Prometheus and Alertmanager, unpacked where they harm nobody, for the tests of what this project
// tells them.
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

// Programs are the programs of Debian's packages.
type Programs struct {
	Prometheus string
	Promtool   string

	root string // what the packages would put below /
}

// Find returns the programs, which it fetches once. An error says what is lacking; a test that cannot run without them tells it.
func Find(ctx context.Context) (Programs, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", fetch)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		why := strings.ReplaceAll(strings.TrimSpace(complaint.String()), "\n", "; ") // one line, as reasons of skipped tests are shown
		return Programs{}, fmt.Errorf("it lacks Debian's packages prometheus and prometheus-alertmanager: %w: %s", err, why)
	}
	root := strings.TrimSpace(string(out))
	bin := filepath.Join(root, "usr/bin")
	return Programs{Prometheus: filepath.Join(bin, "prometheus"), Promtool: filepath.Join(bin, "promtool"), root: root}, nil
}

// Alertmanager is a command that runs Alertmanager in a mount namespace of its own, for root inside a lab: its templates are below
// /usr/share there, which is the only place where Debian's looks for them. In the end Alertmanager is the process that was started.
func (p Programs) Alertmanager(args ...string) *exec.Cmd {
	const script = `mount -t tmpfs tmpfs /usr/share && ln -s "$0/usr/share/prometheus" /usr/share/ && exec "$0/usr/bin/prometheus-alertmanager" "$@"`
	return exec.Command("unshare", append([]string{"--mount", "sh", "-c", script, p.root}, args...)...)
}

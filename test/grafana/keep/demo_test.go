package keep

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// ready begins the last line that a demo prints before it stays up.
const ready = "prometheus --config.file="

// keepUp plays the demo, which stays up and writes what a Prometheus needs into a folder.
func keepUp(p *processes, program, dir string) error {
	out, err := p.start(program, "demo", "--keep", "--prometheus", dir)
	if err != nil {
		return err
	}
	if err := awaitReady(out); err != nil {
		return err
	}
	p.discard(out) // or it could write no more
	return nil
}

// awaitReady reads until the demo stays up.
func awaitReady(out io.Reader) error {
	var last string
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			return errors.Join(errors.New("the demo ended: "+last), lines.Err())
		}
		if last = strings.TrimSpace(lines.Text()); strings.HasPrefix(last, ready) {
			return nil
		}
	}
}

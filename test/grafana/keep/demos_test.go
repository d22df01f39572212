package keep

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// door is an address that a demo prints in the end.
type door struct{ address, text string }

// agent says whether an agent is behind the door; the alerts' pager is not.
func (d door) agent() bool { return !strings.Contains(d.text, "on-call") }

var doorLine = regexp.MustCompile(`^ *http://(\S+)  (.+)$`)

// play is a demo that is played.
type play struct {
	args  []string
	doors int
	out   io.Reader
}

// keepUp plays all demos, which stay up, and returns the addresses of their agents.
func keepUp(p *processes, program string) (agents []string, err error) {
	plays := []play{
		{args: []string{"demo", "--keep"}, doors: demo.Doors()},
		{args: []string{"demo", "capacity", "--keep"}, doors: demo.CapacityDoors()},
		{args: []string{"demo", "alerts", "--keep"}, doors: demo.AlertsDoors()},
	}
	// They mostly wait, so they play at once.
	for i := range plays {
		if plays[i].out, err = p.start(program, plays[i].args...); err != nil {
			return nil, err
		}
	}
	for _, s := range plays {
		doors, err := readDoors(s.out, s.doors)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(s.args, " "), err)
		}
		for _, door := range doors {
			if door.agent() {
				agents = append(agents, door.address)
			}
		}
	}
	return agents, nil
}

// readDoors reads until so many doors are told.
func readDoors(out io.Reader, n int) (doors []door, err error) {
	lines := bufio.NewScanner(out)
	for len(doors) < n && lines.Scan() {
		if parts := doorLine.FindStringSubmatch(lines.Text()); parts != nil {
			doors = append(doors, door{parts[1], parts[2]})
		}
	}
	if len(doors) < n {
		return nil, errors.Join(fmt.Errorf("it ended after %d of %d addresses", len(doors), n), lines.Err())
	}
	return doors, nil
}

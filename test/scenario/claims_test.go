package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// silence is how long no answer must come for a port to count as hidden.
const silence = 400 * time.Millisecond

// reaches tries FROM TO:PORT by TCP over IPv4 and IPv6.
func reaches(expected lab.Outcome) verb {
	return func(s *scene, _ *testscript.TestScript, args []string) error {
		if err := want(args, 2, 2); err != nil {
			return err
		}
		from, err := s.host(args[0])
		if err != nil {
			return err
		}
		to, port, err := s.target(args[1])
		if err != nil {
			return err
		}
		limit := patience // for an answer
		if expected == lab.Hidden {
			limit = silence
		}
		targets := addresses(to, port)
		wrong := make([]error, len(targets))
		var trying sync.WaitGroup
		for i, target := range targets {
			trying.Go(func() {
				if got := from.Reach(s.ctx, target, limit); got != expected {
					wrong[i] = fmt.Errorf("%s is %s", target, got)
				}
			})
		}
		trying.Wait()
		return errors.Join(wrong...)
	}
}

func said(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	if !strings.Contains(h.log(), args[1]) {
		return errors.New("its log does not hold that")
	}
	return nil
}

func inRuleset(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	pattern, err := regexp.Compile(args[1])
	if err != nil {
		return usageError(err.Error())
	}
	text, err := h.Output(s.ctx, nft(), "list", "ruleset")
	if err != nil {
		return usageError(err.Error())
	}
	if !pattern.Match(text) {
		return fmt.Errorf("the ruleset is\n%s", text)
	}
	return nil
}

func inStatus(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, -1); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	exit := s.exit
	text, complaint, err := s.command(h, "status", "-o", "json")
	s.exit = exit // a look is no act
	if err != nil {
		return fmt.Errorf("%w: %s", err, complaint)
	}
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		return err
	}
	for _, claim := range args[1:] {
		path, expected, found := strings.Cut(claim, "=")
		if !found {
			return usageError(claim + ": want PATH=VALUE")
		}
		if got := fmt.Sprint(lookUp(whole, strings.Split(path, "."))); got != expected {
			return fmt.Errorf("%s is %q, in\n%s", path, got, text)
		}
	}
	return nil
}

// lookUp follows a path into JSON. An element of a list is found by its name or its number; what is absent is nil.
func lookUp(value any, path []string) any {
	for _, key := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			value = nil
			if n, err := strconv.Atoi(key); err == nil && n < len(v) {
				value = v[n]
			}
			for _, element := range v {
				if object, ok := element.(map[string]any); ok && object["name"] == key {
					value = object
				}
			}
		default:
			return nil
		}
	}
	return value
}

func hasMetric(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 3, 3); err != nil {
		return err
	}
	h, err := s.host(args[0])
	if err != nil {
		return err
	}
	var body []byte
	err = s.await(patience, func() (err error) { // READY does not wait for the web
		_, body, err = s.fetch(h, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), webPort), "metrics")
		return err
	})
	if err != nil {
		return err
	}
	name := "nakama_warden_" + args[1]
	for line := range strings.Lines(string(body)) {
		value, found := strings.CutPrefix(strings.TrimSpace(line), name+" ")
		if !found {
			continue
		}
		if args[2] == ">0" {
			if n, err := strconv.ParseFloat(value, 64); err == nil && n > 0 {
				return nil
			}
		}
		if value != args[2] {
			return fmt.Errorf("it is %s", value)
		}
		return nil
	}
	return errors.New("there is no such metric")
}

// webPort is where every daemon of a scenario shows itself, unless its configuration says otherwise.
const webPort = 9735

// get prints the status line and the body.
func get(s *scene, ts *testscript.TestScript, args []string) error {
	if err := want(args, 2, 2); err != nil {
		return err
	}
	from, err := s.host(args[0])
	if err != nil {
		return err
	}
	place, path, _ := strings.Cut(args[1], "/")
	to, port, err := s.target(place)
	if err != nil {
		return err
	}
	for _, target := range addresses(to, port) {
		line, body, err := s.fetch(from, target, path)
		if err != nil {
			return err
		}
		s.output = string(body)
		_, _ = fmt.Fprintf(ts.Stdout(), "%s\n%s", line, body) // into memory
	}
	return nil
}

func (s *scene) fetch(from *host, to netip.AddrPort, path string) (statusLine string, body []byte, err error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return from.Dial(ctx, to)
		},
	}}
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, "http://"+to.String()+"/"+path, nil)
	if err != nil {
		return "", nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer.Status, body, err
}

// isJSON reads the last output as JSON values, a line each.
func isJSON(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 0, 0); err != nil {
		return err
	}
	values := 0
	for line := range strings.Lines(s.output) {
		if !json.Valid([]byte(line)) {
			return fmt.Errorf("no JSON: %s", line)
		}
		values++
	}
	if values == 0 {
		return errors.New("there is nothing")
	}
	return nil
}

// awaitEvent waits until the daemon tells of something, by the command line that follows.
func awaitEvent(s *scene, _ *testscript.TestScript, args []string) error {
	if err := want(args, 2, -1); err != nil {
		return err
	}
	h, err := s.guarded(args[0])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	var complaint bytes.Buffer
	lines, pipe := io.Pipe()
	defer lines.Close() // before the process is awaited: it may be writing
	cmd := exec.Command(s.program, "events", "--follow", "-o", "json", "--config", h.config(), "--state", h.state())
	cmd.Stdout, cmd.Stderr = pipe, &complaint
	p, err := h.Start(cmd)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = pipe.CloseWithError(ctx.Err()) })
	defer stop()
	found := h.nextEvent(json.NewDecoder(lines), args[1], args[2:])
	_ = lines.Close() // always nil
	p.Kill()
	if found != nil {
		return fmt.Errorf("%w %s", found, &complaint)
	}
	return nil
}

// nextEvent reads events until one is as awaited.
func (h *host) nextEvent(events *json.Decoder, kind string, claims []string) error {
	var near []string
	for {
		var e status.Event
		if err := events.Decode(&e); err != nil {
			return fmt.Errorf("no such event: %w; of that kind came:\n%s", err, strings.Join(near, "\n"))
		}
		if e.Sequence <= h.seen || e.Kind != kind {
			continue
		}
		matches, err := eventMatches(e, claims)
		if err != nil {
			return err
		}
		if matches {
			h.seen = e.Sequence
			return nil
		}
		near = append(near, fmt.Sprintf("%s %q", e.Summary, e.Fields))
	}
}

func eventMatches(e status.Event, claims []string) (bool, error) {
	for _, claim := range claims {
		at := strings.IndexAny(claim, "=~")
		if at < 0 {
			return false, usageError(claim + ": want FIELD=TEXT or FIELD~PART")
		}
		field, exact, text := claim[:at], claim[at] == '=', claim[at+1:]
		got := e.Fields[field]
		if field == "summary" {
			got = e.Summary
		}
		if exact && got != text || !strings.Contains(got, text) {
			return false, nil
		}
	}
	return true, nil
}

package keep

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
)

const (
	// askEvery is how often Prometheus scrapes, as the demo has it.
	askEvery = 15 * time.Second
	// shown and step are what the dashboards open with.
	shown = 6 * time.Hour
	step  = time.Minute
)

// prometheus is one that runs.
type prometheus struct{ address string }

// watch starts a Prometheus with the configuration that a demo wrote.
func watch(p *processes, dir, program string) (prometheus, error) {
	address, err := freeAddress(p.ctx)
	if err != nil {
		return prometheus{}, err
	}
	_, err = p.start(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	return prometheus{address}, err
}

// freeAddress is one on loopback where nobody listens: Prometheus does not tell which it was given.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// askAll asks every question until it is answered, until only what is listed is not, or until the patience is over. Rules that are
// evaluated rarely have their turn first: what is listed must have had its chance to be answered.
func (p prometheus) askAll(ctx context.Context, panels []*panel, patience time.Duration) error {
	began := time.Now()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for time.Since(began) < patience {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		for _, panel := range panels {
			for i, q := range panel.queries {
				panel.answered[i] = panel.answered[i] || p.answers(ctx, q)
			}
		}
		if time.Since(began) > slowestRule && judge(panels, silent()) == nil {
			break
		}
	}
	return nil
}

// slowestRule is the longest interval of a group of rules, and the scrape before it.
const slowestRule = 5*time.Minute + askEvery

// answers says whether there is anything to show to whoever opens the page and chooses nothing.
func (p prometheus) answers(ctx context.Context, q questions.Question) bool {
	// All clusters and the first host. CockroachDB's own metrics have the name of its host.
	chosen := questions.Choices{Cluster: ".*"}
	if role := roleOf(q.Page); role != "" {
		chosen.Host = p.firstHost(ctx, role)
		chosen.Node = chosen.Host
	}
	now := time.Now().Truncate(step)
	path, values := "query", url.Values{"query": {q.With(chosen)}}
	if q.Over {
		path = "query_range"
		values.Set("start", strconv.FormatInt(now.Add(-shown).Unix(), 10))
		values.Set("end", strconv.FormatInt(now.Unix(), 10))
		values.Set("step", step.String())
	}
	found, err := p.get(ctx, path, values)
	return err == nil && slices.ContainsFunc(found, series.isNumber)
}

// roleOf is the role of the hosts of a page, or nothing where it is about all hosts.
func roleOf(page string) string {
	name, isHost := strings.CutSuffix(page, "-host")
	if !isHost {
		return ""
	}
	return name[strings.LastIndex(name, "-")+1:]
}

// firstHost is the one that a page opens with; empty while there is none.
func (p prometheus) firstHost(ctx context.Context, role string) string {
	found, err := p.get(ctx, "query", url.Values{"query": {fmt.Sprintf("nakama_warden_host_role_info{role=%q}", role)}})
	if err != nil || len(found) == 0 {
		return "" // asked again soon
	}
	first := slices.MinFunc(found, func(a, b series) int { return strings.Compare(a.Metric["instance"], b.Metric["instance"]) })
	return first.Metric["instance"]
}

// series is one of an answer: with a sample, or with several over a time.
type series struct {
	Metric map[string]string `json:"metric"`
	Value  sample            `json:"value"`
	Values []sample          `json:"values"`
}

// sample is a time and a number, which is a text.
type sample [2]any

// isNumber says that there is something to see: neither what is divided by nothing, nor what is of no number at all.
func (s series) isNumber() bool {
	return slices.ContainsFunc(append(s.Values, s.Value), func(of sample) bool {
		text, _ := of[1].(string)
		n, err := strconv.ParseFloat(text, 64)
		return err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	})
}

func (p prometheus) get(ctx context.Context, path string, values url.Values) ([]series, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/api/v1/"+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	var answer struct {
		Data struct {
			Result []series `json:"result"`
		} `json:"data"`
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Data.Result, err
}

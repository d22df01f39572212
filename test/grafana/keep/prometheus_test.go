package keep

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/test/grafana/questions"
)

const (
	// scrapeEvery is Grafana's default for a Prometheus, and what most have.
	scrapeEvery = 15 * time.Second
	// shown and step are what the dashboards open with.
	shown = 6 * time.Hour
	step  = time.Minute
)

// prometheus is one that runs.
type prometheus struct{ address string }

// watch starts a Prometheus that scrapes the agents, with the rules that the program exports.
func watch(p *processes, dir, program, prometheusProgram string, agents []string) (prometheus, error) {
	rules, err := exec.CommandContext(p.ctx, program, "export", "rules").Output()
	if err != nil {
		return prometheus{}, fmt.Errorf("export rules: %w", err)
	}
	targets, err := json.Marshal(agents)
	if err != nil {
		return prometheus{}, err
	}
	config := fmt.Sprintf(`global: {scrape_interval: %s, evaluation_interval: %[1]s}
rule_files: [rules.yml]
scrape_configs: [{job_name: nakama-warden, static_configs: [{targets: %s}]}]
`, scrapeEvery, targets)
	for name, text := range map[string]string{"rules.yml": string(rules), "prometheus.yml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return prometheus{}, err
		}
	}
	address, err := freeAddress(p.ctx)
	if err != nil {
		return prometheus{}, err
	}
	_, err = p.start(prometheusProgram, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
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
	tick := time.NewTicker(scrapeEvery)
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
const slowestRule = 5*time.Minute + scrapeEvery

// answers says whether there is anything to show: of a page of a host, for any host of that page.
func (p prometheus) answers(ctx context.Context, q questions.Question) bool {
	hosts := []string{""}
	if role := roleOf(q.Page); role != "" {
		hosts = p.hosts(ctx, role)
	}
	now := time.Now().Truncate(step)
	for _, host := range hosts {
		// All clusters, which is what a page opens with.
		path, values := "query", url.Values{"query": {q.With(questions.Choices{Cluster: ".*", Host: host})}}
		if q.Over {
			path = "query_range"
			values.Set("start", strconv.FormatInt(now.Add(-shown).Unix(), 10))
			values.Set("end", strconv.FormatInt(now.Unix(), 10))
			values.Set("step", step.String())
		}
		if found, err := p.get(ctx, path, values); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// roleOf is the role of the hosts of a page, or nothing where it is about all hosts.
func roleOf(page string) string {
	name, isHost := strings.CutSuffix(page, "-host")
	if !isHost {
		return ""
	}
	return name[strings.LastIndex(name, "-")+1:]
}

func (p prometheus) hosts(ctx context.Context, role string) (hosts []string) {
	found, err := p.get(ctx, "query", url.Values{"query": {fmt.Sprintf("nakama_warden_host_role_info{role=%q}", role)}})
	if err != nil {
		return nil // asked again soon
	}
	for _, series := range found {
		hosts = append(hosts, series.Metric["instance"])
	}
	return hosts
}

type series struct {
	Metric map[string]string `json:"metric"`
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

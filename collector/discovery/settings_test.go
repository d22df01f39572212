package discovery

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/procfs"
)

func TestSettings(t *testing.T) {
	f := newTree(t)
	dir := f.process(20, "nakama", "own")
	f.link(dir+"root", f.dir+"/inside")
	f.link(dir+"cwd", f.dir+"/inside/srv/game")
	f.file("inside/etc/a.yml", "metrics:\n  prometheus_port: 9100\nconsole:\n  port: 9000\n  password: secret\nname: n1\n")
	f.file("inside/srv/game/b.yml", "metrics: {prometheus_port: 9200}\ncluster: {gossip_bindport: 8352, rpc_port: 8353}\n")
	f.file("inside/etc/bad.yml", "metrics: {prometheus_port: secret}\n")
	f.file("inside/etc/port.yml", "metrics: {prometheus_port: 70000}\n")
	f.file("inside/etc/empty.yml", "")
	f.file("inside/etc/huge.yml", strings.Repeat("#", mostSettings+1))
	f.file("outside.yml", "metrics: {prometheus_port: 6666}\n")
	f.link("inside/etc/out.yml", "../../outside.yml")
	f.link("inside/etc/absolute.yml", "/etc/a.yml")
	f.link("inside/etc/self.yml", "/proc/self/environ")
	if err := unix.Mkfifo(filepath.Join(f.dir, "inside/etc/fifo.yml"), 0o600); err != nil {
		t.Fatal(err)
	}
	standard := defaultSettings()
	with := func(change func(*settings)) settings { s := standard; change(&s); return s }
	file9100 := with(func(s *settings) { s.metrics, s.console = 9100, 9000 })
	for args, want := range map[string]struct {
		settings settings
		problem  string
	}{
		"":                           {standard, ""},
		"--config /etc/a.yml":        {file9100, ""},
		"--config=/etc/absolute.yml": {file9100, ""},
		"--config /etc/empty.yml":    {standard, ""},
		"--config b.yml":             {with(func(s *settings) { s.metrics, s.gossip, s.rpc = 9200, 8352, 8353 }), ""},
		"--config ../../etc/a.yml":   {file9100, ""},
		"-config /etc/a.yml --config b.yml": {with(func(s *settings) {
			*s = settings{s.api, 9000, 9200, 8352, 8353}
		}), ""},
		"--config /etc/a.yml --metrics.prometheus_port 0": {with(func(s *settings) { s.console = 9000 }), ""},
		"--metrics.prometheus_port=9300 --socket.port 8350 --config /etc/a.yml": {with(func(s *settings) {
			s.api, s.console, s.metrics = 8350, 9000, 9300
		}), ""},
		"--metrics.prometheus_port x":   {standard, ""},
		"--config /etc/none.yml":        {standard, "no such file"},
		"--config none.yml":             {standard, "no such file"},
		"--config /etc/bad.yml":         {standard, "no YAML"},
		"--config /etc/port.yml":        {standard, "no YAML"},
		"--config /etc/huge.yml":        {standard, "larger than"},
		"--config /etc/fifo.yml":        {standard, "not a regular file"},
		"--config /etc":                 {standard, "not a regular file"},
		"--config /etc/out.yml":         {standard, "no such file"},
		"--config /etc/self.yml":        {standard, "no such file"},
		"--config ../../../outside.yml": {standard, "no such file"},
	} {
		got, problems := f.finder().readSettings(20, append(Arguments{"nakama"}, strings.Fields(args)...))
		if got != want.settings {
			t.Errorf("%s: %+v; want %+v", args, got, want.settings)
		}
		ok := want.problem == "" && len(problems) == 0
		if len(problems) == 1 && want.problem != "" {
			ok = strings.Contains(problems[0].Error(), want.problem)
		}
		if !ok || len(problems) > 0 && strings.Contains(problems[0].Error(), "secret") {
			t.Errorf("%s: problems %v; want %q", args, problems, want.problem)
		}
	}
}

// The arguments' word alone does not make a port Nakama's: it must listen there.
func TestExplain(t *testing.T) {
	s := defaultSettings()
	s.metrics = 22
	if metrics, others := s.explain([]uint16{7348, 7349, 7350, 7351, 7352, 7353}); metrics != 0 || others != nil {
		t.Errorf("metrics %d, others %v", metrics, others)
	}
	s.metrics = 9100
	if metrics, others := s.explain([]uint16{7350, 9100, 9200}); metrics != 9100 || !slices.Equal(others, []uint16{9200}) {
		t.Errorf("metrics %d, others %v", metrics, others)
	}
}

func FuzzMergeFile(f *testing.F) {
	f.Add("metrics:\n  prometheus_port: 9100\n")
	f.Add("socket: {port: 0x1CB6}\ncluster: {rpc_port: 7}\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := defaultSettings()
		if err := s.mergeFile([]byte(text)); err != nil && s != defaultSettings() {
			t.Errorf("%q: half taken over: %+v", text, s)
		}
	})
}

// The capability that is named is the one that is lacking: to look into the process, or to read its files.
func TestRemedied(t *testing.T) {
	for want, err := range map[string]error{
		"CAP_SYS_PTRACE":      fmt.Errorf("read the settings: %w", fs.ErrPermission),
		"Linux 5.14":          fmt.Errorf("guessed: %w", procfs.Forbidden("/proc", os.Getpid(), fs.ErrPermission)),
		"CAP_DAC_READ_SEARCH": fmt.Errorf("read the settings: %w", protected{fs.ErrPermission}),
	} {
		if got := remedied(err); !strings.Contains(got, "needs "+want+" ") {
			t.Errorf("%q; want %s", got, want)
		}
	}
	if got := remedied(protected{fs.ErrNotExist}); strings.Contains(got, "CAP_") {
		t.Errorf("%q names a capability", got)
	}
}

package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

const (
	idOne = "1111111111112222222222222222222222222222222222222222222222222222"
	idTwo = "aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestUnit(t *testing.T) {
	for cgroup, want := range map[string]string{
		"":                                  "",
		"0::/\n":                            "",
		"0::/system.slice/nakama.service\n": "nakama.service",
		"0::/system.slice/nakama.service":   "nakama.service",
		"0::/system.slice/nakama.service/worker\n":                                                  "nakama.service",
		"0::/system.slice/nakama.service (deleted)\n":                                               "nakama.service",
		"0::/../nakama.service\n":                                                                   "nakama.service",
		"0::/system.slice/system-nakama.slice/nakama@eu.service\n":                                  "nakama@eu.service",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/nakama.service\n":               "nakama.service",
		"0::/user.slice/user-1000.slice/user@1000.service/init.scope\n":                             "",
		"0::/user.slice/user-1000.slice/session-3.scope\n":                                          "",
		"0::/system.slice/run-u12.service\n":                                                        "",
		"0::/system.slice/game.scope\n":                                                             "game.scope",
		"12:memory:/\n1:name=systemd:/system.slice/nakama.service\n0::/\n":                          "nakama.service",
		"4:memory:/shared.service\n1:name=systemd:/system.slice/nakama.service\n":                   "nakama.service",
		"0::/system.slice/docker-" + idOne + ".scope\n":                                             "web",
		"0::/system.slice/docker-" + idTwo + ".scope\n":                                             "aaaaaaaaaaaa",
		"4:memory:/docker/" + idOne + "\n1:name=systemd:/docker/" + idOne + "\n":                    "web",
		"0::/docker/" + idTwo + "/system.slice/nakama.service\n":                                    "aaaaaaaaaaaa",
		"0::/docker/" + idTwo + "/kubelet/kubepods/pod1/" + idOne + "\n":                            "web",
		"0::/machine.slice/libpod-" + idTwo + ".scope/container\n":                                  "aaaaaaaaaaaa",
		"0::/machine.slice/libpod-conmon-" + idTwo + ".scope\n":                                     "libpod-conmon-" + idTwo + ".scope",
		"0::/system.slice/nakama.service/libpod-payload-" + idTwo + "\n":                            "nakama.service",
		"9:memory:/libpod_parent/libpod-" + idTwo + "\n1:name=systemd:/user.slice/a.service\n":      "aaaaaaaaaaaa",
		"0::/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-" + idTwo + ".scope\n":             "aaaaaaaaaaaa",
		"0::/kubepods.slice/kubepods-pod1_2.slice/crio-" + idTwo + ".scope\n":                       "aaaaaaaaaaaa",
		"3:cpu:/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + idTwo + "\n": "aaaaaaaaaaaa",
		"0::/lxc/web/system.slice/nakama.service\n":                                                 "web",
		"0::/lxc.payload/web\n":                                                                     "web",
		"0::/lxc.payload.web/system.slice/nakama.service\n":                                         "web",
		"0::/machine.slice/machine-my\\x2dgame.scope/payload\n":                                     "my-game",
		"0::/machine.slice/systemd-nspawn@game.service/payload/system.slice/nakama.service\n":       "game",
		"4:memory:/process_api/8905858f4c0f7e8f1cdbe23a20b2f359\n0::/\n":                            "",
		"nonsense": "",
	} {
		if got := Unit(cgroup, named); got != want {
			t.Errorf("%q: %q; want %q", cgroup, got, want)
		}
	}
}

func named(id string) string {
	if id == idOne {
		return "web"
	}
	return ""
}

func FuzzUnit(f *testing.F) {
	f.Add("0::/system.slice/nakama.service\n")
	f.Add("4:memory:/docker/" + idOne + "\n1:name=systemd:/lxc/web\n")
	f.Add("3:cpu:/a.slice:cri-containerd:" + idTwo + "\n0::/../libpod-payload-" + idTwo + ".scope (deleted)\n")
	f.Fuzz(func(t *testing.T, cgroup string) {
		unit := Unit(cgroup, named)
		if strings.ContainsAny(unit, "/\n") {
			t.Errorf("%q: %q", cgroup, unit)
		}
	})
}

func TestArguments(t *testing.T) {
	a := parseArguments("nakama\x00-config\x00a.yml\x00--config=b.yml\x00--logger.stdout\x00--console.password=secret\x00--config\x00")
	if got := a.flag("config"); !slices.Equal(got, []string{"a.yml", "b.yml"}) {
		t.Errorf("config %q", got)
	}
	if got := parseArguments("--config\x00x\x00").flag("config"); got != nil {
		t.Errorf("the program's own name is taken for a flag: %q", got)
	}
	if parseArguments("") != nil {
		t.Error("no text is some argument")
	}
	text, err := json.Marshal(map[string]any{"a": a, "found": Found{Argv: a}})
	shown := fmt.Sprintf("%v %+v %#v %s %q %d %x %v", a, a, a, a, a, a, a, Found{Argv: a}) + string(text)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).LogAttrs(context.Background(), slog.LevelInfo, "x", slog.Any("a", a), slog.Any("f", Found{Argv: a}))
	if shown += log.String(); err != nil || strings.Contains(shown, "secret") {
		t.Errorf("%s, %v", shown, err)
	}
}

func TestUndersized(t *testing.T) {
	both, nakama, db := []string{RoleNakama, RoleCockroachDB}, []string{RoleNakama}, []string{RoleCockroachDB}
	for _, c := range []struct {
		roles       []string
		environment string
		memory      float64 // GB
		cpus        int
		short       int
		advice      bool
	}{
		{nakama, Testing, 0.9, 1, 0, false},
		{nakama, Testing, 0.89, 1, 1, false},
		{nakama, Testing, 1, 0, 1, false},
		{db, Testing, 1.8, 1, 0, false},
		{db, Testing, 1.79, 1, 1, false},
		{both, Testing, 2.7, 2, 0, false},
		{both, Testing, 2.69, 1, 2, false},
		{nakama, Production, 2.7, 1, 0, false},
		{nakama, Production, 2.69, 1, 1, false},
		{db, Production, 3.59, 1, 1, false},
		{db, Production, 3.6, 1, 0, true},
		{db, Production, 5.39, 1, 0, true},
		{db, Production, 5.4, 1, 0, false},
		{both, Production, 6.2, 2, 1, false},
		{both, Production, 6.3, 2, 0, true},
		{[]string{"monitor"}, Production, 0.1, 1, 0, false},
		{nil, Production, 0.1, 1, 0, false},
	} {
		short, advice := Undersized(c.roles, c.environment, uint64(c.memory*gigabyte), c.cpus)
		if len(short) != c.short || (advice != "") != c.advice {
			t.Errorf("%+v: %q, %q", c, short, advice)
		}
	}
	short, _ := Undersized(nakama, Production, 2_000_000_000, 2)
	if want := "2.0 GB of memory are too little for nakama in production: give the host 3 GB or more"; !slices.Equal(short, []string{want}) {
		t.Errorf("%q; want %q", short, want)
	}
}

func TestRolesShareHost(t *testing.T) {
	both := []string{RoleCockroachDB, RoleNakama}
	if RolesShareHost(both, Production) == "" || RolesShareHost(both, Testing) != "" || RolesShareHost(both[:1], Production) != "" {
		t.Error("only both roles in production must not share a host")
	}
}

func TestParseCPUs(t *testing.T) {
	for list, want := range map[string]int{"0\n": 1, "0-3": 4, "0-1,4,6-7\n": 5, "": 0, "a": 0, "3-1": 0, "0-": 0} {
		if got, ok := parseCPUs(list); ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %d, %v; want %d", list, got, ok, want)
		}
	}
}

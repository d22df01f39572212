// Package scenario tests the whole daemon: the real program on hosts of a lab, with real traffic.
//
// A scenario is a script that an operator could have written, in testdata. Beside testscript's own commands there are the
// verbs of verbs: some do something, some claim something; `within 5s` before a claim tries it again until it holds.
// A host's folder in the script's archive is HOST/: HOST/config.yaml is its configuration, HOST/state its state. In every
// file of the archive $WORK stands for the scenario's folder. Host number n of a scenario is 10.77.0.n and fd77::n.
// Scenarios with processes that have the names of guarded programs are in testdata/containers.
package scenario

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// programVariable names a program that is there already, for where none can be built.
const programVariable = "NAKAMA_WARDEN_PROGRAM"

// atOnce is how many scenarios run beside each other: they wait for most of their time, whatever the number of cores.
const atOnce = "8"

func TestMain(m *testing.M) {
	if role := os.Getenv(playVariable); role != "" {
		fmt.Fprintln(os.Stderr, play(strings.Fields(role)))
		os.Exit(1)
	}
	lab.Main(func() int {
		flag.Parse()
		if err := flag.Set("test.parallel", atOnce); err != nil {
			fmt.Fprintln(os.Stderr, "scenario:", err)
			return 1
		}
		return m.Run()
	})
}

func TestScenarios(t *testing.T) {
	root, program := prepare(t)
	testscript.Run(t, parameters("testdata", root, program))
}

// TestContainers runs its scenarios one by one: their processes are in namespaces of their own and have the names of
// guarded programs, which every daemon on the machine looks for.
func TestContainers(t *testing.T) {
	root, program := prepare(t)
	testscript.RunT(oneByOne{t}, parameters(filepath.Join("testdata", "containers"), root, program))
}

// oneByOne is a test whose parts run one after the other.
type oneByOne struct{ *testing.T }

func (oneByOne) Parallel()       {}
func (t oneByOne) Verbose() bool { return testing.Verbose() }

func (t oneByOne) Run(name string, do func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { do(oneByOne{t}) })
}

// prepare returns where scenarios have their folders, and the program.
func prepare(t *testing.T) (root, program string) {
	t.Helper()
	// Paths are short here, as those of Unix sockets must be, and nothing waits for a disk.
	root, err := lab.Scratch()
	if err != nil {
		t.Fatal(err)
	}
	if program = os.Getenv(programVariable); program == "" {
		program = build(t, root)
	}
	return root, program
}

func parameters(dir, root, program string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		WorkdirRoot:         root,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			if err := expandFiles(env.WorkDir); err != nil {
				return err
			}
			s, err := newScene(program, env.WorkDir)
			if err != nil {
				return err
			}
			env.Values[sceneKey{}] = s
			env.Defer(func() { s.close(env.T()) })
			return nil
		},
		Cmds:      commands(),
		Condition: condition,
	}
}

// build makes the program as a release is made.
func build(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "nakama-warden")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/nakama-warden")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if complaint, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v (or name a program with %s)\n%s", err, programVariable, complaint)
	}
	return program
}

// expandFiles puts the scenario's folder in the place of $WORK.
func expandFiles(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		expanded := strings.ReplaceAll(string(text), "$WORK", dir)
		if expanded == string(text) {
			return nil
		}
		return os.WriteFile(path, []byte(expanded), 0o600)
	})
}

// condition is what stands in brackets before a line.
func condition(name string) (bool, error) {
	// The kernels that know the flags owner, and owner with persist.
	if name == "bridge-netfilter" {
		_, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables")
		return err == nil, nil
	}
	since, known := map[string][2]int{"held": {5, 12}, "owned": {6, 9}}[name]
	if !known {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	var system unix.Utsname
	if err := unix.Uname(&system); err != nil {
		return false, err
	}
	var release [2]int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(system.Release[:]), "%d.%d", &release[0], &release[1]); err != nil {
		return false, err
	}
	return slices.Compare(release[:], since[:]) >= 0, nil
}

// A verb does what its arguments say, or checks that it is so.
type verb func(*scene, *testscript.TestScript, []string) error

// verbs are the words of scenarios. A verb behind ! must fail.
func verbs() map[string]verb {
	return map[string]verb{
		"host":      addHost,      // host NAME ADDRESS: the next host of the lab, and its IPv4 address
		"listen":    listen,       // listen HOST PORT…
		"container": addContainer, // container HOST NAME [on BRIDGE] PORT…: listening there
		"publish":   publish,      // publish HOST PORT CONTAINER:PORT
		"serve":     serve,        // serve HOST PROGRAM PORT… [-- ARGUMENT…]: a process of that name listens there
		"proxy":     proxy,        // proxy HOST PORT CONTAINER:PORT: a docker-proxy
		"end":       end,          // end HOST: of the processes of serve and proxy
		"behind":    behind,       // behind HOST NAME: another machine, for which the host routes
		"macvlan":   macvlan,      // macvlan HOST NAME ADDRESS: a container with an address of its own on the lab's switch
		"route":     route,        // route FROM TO VIA: packets of a host to another by way of a third
		"divert":    divert,       // divert HOST: packets with mark 1 end there
		"sysctl":    sysctl,       // sysctl HOST NAME VALUE
		"beside":    beside,       // beside HOST NAME: another folder, for a second daemon on the host
		"start":     start,        // start HOST [VARIABLE=VALUE…] [-- WRAPPER…]: until READY, or to its end (then it failed);
		// FDSTORE=1 is a unit with a descriptor store, which sigterm empties as `systemctl stop` does
		"reload":    reload,     // reload HOST: SIGHUP, until it says that it is ready again
		"sigterm":   sigterm,    // sigterm HOST: it has 5 s to end
		"kill9":     kill9,      // kill9 HOST
		"hang":      hang,       // hang HOST [restart]: it answers nobody; with restart it has a successor as soon as it is killed
		"restarted": restarted,  // restarted HOST: the successor is ready
		"warden":    warden,     // warden HOST COMMAND…: the command line on that host
		"exits":     exits,      // exits CODE HOST COMMAND…
		"exit":      exitCode,   // exit CODE: of the last start, sigterm or warden
		"tamper":    tamper,     // tamper HOST NFT-COMMAND
		"fight":     fight,      // fight HOST DURATION: somebody flushes without a pause, at least that long
		"peace":     peace,      // peace HOST: the fight ends, and the daemon took less than fightShare of a core
		"besiege":   besiege,    // besiege FROM TO:PORT: somebody connects without a pause
		"leaked":    leaked,     // leaked DURATION: somebody got in meanwhile, for no longer than that
		"repelled":  repelled,   // repelled: nobody got in meanwhile
		"connect":   connect,    // connect NAME FROM TO:PORT: a connection of each family that stays open
		"crowd":     crowd,      // crowd NAME FROM TO:PORT NUMBER: so many connections that stay open
		"leave":     leave,      // leave NAME: a crowd or both of a connect go
		"alive":     alive,      // alive NAME: both still echo
		"cut":       cut,        // cut NAME: both were reset
		"readonly":  readOnly,   // readonly HOST: nothing can be written to its state
		"get":       get,        // get FROM TO:PORT/PATH
		"json":      isJSON,     // json: the last output is JSON, a value a line
		"event":     awaitEvent, // event HOST KIND [FIELD=TEXT | FIELD~PART…]: behind the last one that was awaited
		"notified":  notified,   // notified HOST TEXT: systemd hears it
		"within":    within,     // within DURATION [!] VERB…
		"open":      reaches(lab.Open),
		"refused":   reaches(lab.Refused),
		"hidden":    reaches(lab.Hidden),
		"said":      said,      // said HOST PART: in its log
		"ruleset":   inRuleset, // ruleset HOST PATTERN: in what nft lists
		"status":    inStatus,  // status HOST PATH=VALUE…: in its JSON; lists are entered by name or number
		"metric":    hasMetric, // metric HOST NAME VALUE
	}
}

var errHolds = errors.New("it does, and should not")

// call runs a verb, or expects its failure.
func call(s *scene, ts *testscript.TestScript, negated bool, name string, args []string) error {
	do, known := verbs()[name]
	if !known {
		return fmt.Errorf("unknown verb %q", name)
	}
	err := do(s, ts, args)
	switch {
	case !negated:
		return err
	case err == nil:
		return errHolds
	}
	var usage usageError
	if errors.As(err, &usage) {
		return err
	}
	return nil
}

func commands() map[string]func(*testscript.TestScript, bool, []string) {
	found := map[string]func(*testscript.TestScript, bool, []string){}
	for name := range verbs() {
		found[name] = func(ts *testscript.TestScript, negated bool, args []string) {
			s, _ := ts.Value(sceneKey{}).(*scene)
			if err := call(s, ts, negated, name, args); err != nil {
				ts.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
			}
		}
	}
	return found
}

// usageError is a mistake of the script: it is no failure that a negated verb may expect.
type usageError string

func (e usageError) Error() string { return string(e) }

// want checks the number of arguments; most < 0 is any number.
func want(args []string, least, most int) error {
	if len(args) < least || most >= 0 && len(args) > most {
		return usageError(fmt.Sprintf("%d arguments; want %d to %d", len(args), least, most))
	}
	return nil
}

package culprit

import (
	"math"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// self is what is expected of a program that this test started.
func self(t testing.TB, name string, pid int, argv0 string) Person {
	t.Helper()
	return Person{
		Name: name, PID: pid, Argv0: argv0, User: userName(uint32(os.Getuid())),
		Parent: nameOf(t, os.Getpid()), ParentPID: os.Getpid(),
	}
}

func wantPerson(t *testing.T, got, want Person) {
	t.Helper()
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestProgramThatHasEndedIsRemembered(t *testing.T) {
	w := open(t)
	cmd := program(t, "quick-nft", "end", "--password=hunter2")
	cmd.Args[0] = "/sbin/nft\x1b[31m\u202e"
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	want := self(t, "quick-nft", pid, "/sbin/nft[31m")
	wantPerson(t, w.Identify("quick-nft", uint32(pid), time.Now()), want)
	wantPerson(t, w.Identify("nft", uint32(pid), time.Now()), Person{Name: "nft"})
	wantPerson(t, w.Identify("quick-nft", uint32(pid), time.Now().Add(-time.Minute)), Person{Name: "quick-nft"})
	// The control: only the memory can know.
	wantPerson(t, withoutConnector(t).Identify("quick-nft", uint32(pid), time.Now()), Person{Name: "quick-nft"})

	w.now = func() time.Time { return time.Now().Add(rememberFor + time.Second) }
	wantPerson(t, w.Identify("quick-nft", uint32(pid), time.Now()), Person{Name: "quick-nft"})
}

func TestWhatIsQueuedIsReadBeforeTheAnswer(t *testing.T) {
	w := withoutConnector(t)
	var err error
	if w.connector, err = listen(); err != nil {
		t.Skip("the test lacks the proc connector: ", err)
	}
	defer w.Close()
	pid, _ := stay(t, "queued")
	w.Identify("queued", uint32(pid), time.Now()) // nobody else reads here
	if _, found := w.executions.find(pid, "queued", math.MaxUint64, time.Time{}); !found {
		t.Error("the program was not remembered")
	}
}

func TestManyProgramsAtOnceAreRemembered(t *testing.T) {
	w := open(t)
	const programs, atLeast = 200, 100 // a busy machine may let one end before it is read: usually 199 are known
	var known atomic.Int32
	var group errgroup.Group
	group.SetLimit(8)
	for range programs {
		cmd := program(t, "storm", "end")
		group.Go(func() error {
			if err := cmd.Run(); err != nil {
				return err
			}
			if w.Identify("storm", uint32(cmd.Process.Pid), time.Now()).PID == cmd.Process.Pid {
				known.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d were known after their end", known.Load(), programs)
	if known.Load() < atLeast {
		t.Errorf("%d of %d were known after their end; want %d", known.Load(), programs, atLeast)
	}
}

func TestRunningProcessIsReadFromProc(t *testing.T) {
	w := withoutConnector(t)
	before := time.Now().Add(-time.Second)
	pid, thread := stay(t, "daemon", "secret")
	want := self(t, "daemon", pid, "")
	got := w.Identify("daemon", uint32(pid), time.Now())
	if !strings.HasSuffix(got.Argv0, "/daemon") {
		t.Errorf("argv[0] %q; want …/daemon", got.Argv0)
	}
	want.Argv0 = got.Argv0
	wantPerson(t, got, want)

	for _, tt := range []struct {
		what string
		name string
		pid  int
		at   time.Time
		want Person
	}{
		{"another name", "nft", pid, time.Now(), Person{Name: "nft"}},
		{"the number was another's then", "daemon", pid, before, Person{Name: "daemon"}},
		{"no number", "daemon", 0, time.Now(), Person{Name: "daemon"}},
		{"a number too large", "daemon", 1 << 30, time.Now(), Person{Name: "daemon"}},
		{"a thread of it", nameOf(t, thread), thread, time.Now(), want},
	} {
		t.Run(tt.what, func(t *testing.T) { wantPerson(t, w.Identify(tt.name, uint32(tt.pid), tt.at), tt.want) })
	}
}

func TestRememberedOneIsForgottenOnceItsNumberIsInUseAgain(t *testing.T) {
	w := withoutConnector(t)
	pid, _ := stay(t, "other")
	living, err := readProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	old := process{pid: pid, comm: "nft", argv0: "nft", started: living.started - 1}
	w.executions.add(old, time.Now())
	wantPerson(t, w.Identify("nft", uint32(pid), time.Now()), Person{Name: "nft"})

	// The same process under its earlier name is no other.
	old.started = living.started
	w.executions.add(old, time.Now())
	if got := w.Identify("nft", uint32(pid), time.Now()); got.PID != pid {
		t.Errorf("got %+v; want process %d", got, pid)
	}
}

func TestElsewhereIsNamedByWhatIsLacking(t *testing.T) {
	users := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	groups := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	apart := func(flags uintptr) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | flags, UidMappings: users, GidMappings: groups}
	}
	for _, tt := range []struct {
		what, part string
		as         *syscall.SysProcAttr
		reason     string
		identified bool
	}{
		{"in a lab", "ask inside", nil, "PID namespace of its own", false},
		{"in a PID namespace with the /proc of another", "ask", apart(syscall.CLONE_NEWPID), "PID namespace of its own", false},
		{"in a user namespace", "ask", apart(0), "the host's user namespace only", true},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if tt.identified {
				withoutConnector(t) // or what is lacking
			}
			if tt.what != "in a lab" && os.Getpid() == 1 {
				t.Skip("the test lacks a process to be a child of")
			}
			got := ask(t, tt.part, tt.as)
			if !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("reason %q; want …%s…", got.Reason, tt.reason)
			}
			if tt.identified && got.Person.PID != got.PID || !tt.identified && got.Person != (Person{Name: got.Person.Name}) {
				t.Errorf("%+v of process %d; identified: want %v", got.Person, got.PID, tt.identified)
			}
		})
	}
}

func TestWithoutPrivilegesTheReasonSaysSo(t *testing.T) {
	const nobody = 65534
	if os.Getuid() != 0 || !inInitial("user", initialUser) || !inInitial("pid", initialPID) {
		t.Skip("the test lacks root outside of namespaces")
	}
	cmd := program(t, "asking", "ask")
	// The test binary lies where only its builder may look: it is inherited, and executed from there.
	file, err := os.Open(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Path, cmd.ExtraFiles = "/proc/self/fd/3", []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "needs CAP_NET_ADMIN"; !strings.Contains(string(out), want) {
		t.Errorf("%s; want …%s…", out, want)
	}
}

func TestWatchInAnotherNetworkSaysSo(t *testing.T) {
	if os.Getuid() != 0 || !inInitial("user", initialUser) || !inInitial("pid", initialPID) {
		t.Skip("the test lacks root outside of namespaces")
	}
	got := ask(t, "ask", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
	if want := "host's network namespace only"; !strings.Contains(got.Reason, want) || got.Person.PID != got.PID {
		t.Errorf("%+v; want …%s…, and the process itself", got, want)
	}
}

func TestCloseEndsTheReader(t *testing.T) {
	w := open(t)
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	pid, _ := stay(t, "after")
	if got := w.Identify("after", uint32(pid), time.Now()); got.PID != pid {
		t.Errorf("after Close: %+v; want process %d from /proc", got, pid)
	}
	if len(w.executions.ring) > 0 && w.executions.ring[len(w.executions.ring)-1].pid == pid {
		t.Error("a program was remembered after Close")
	}
}

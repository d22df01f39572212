package discovery

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// The environment makes this test program something else.
const (
	// listenVariable: a server, which listens on the addresses named there, says "ready" and stays.
	listenVariable = "DISCOVERY_TEST_LISTEN"
	// rootVariable: where that server has its root.
	rootVariable = "DISCOVERY_TEST_ROOT"
	// askVariable: a finder, which prints what it finds.
	askVariable = "DISCOVERY_TEST_ASK"
)

func TestMain(m *testing.M) {
	if addresses, isServer := os.LookupEnv(listenVariable); isServer {
		if err := serve(strings.Fields(addresses), os.Getenv(rootVariable)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(askVariable) != "" {
		ask()
		return
	}
	lab.Main(m.Run)
}

func serve(addresses []string, root string) error {
	for _, address := range addresses {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp"
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		defer listener.Close()
	}
	if root != "" {
		if err := syscall.Chroot(root); err != nil {
			return err
		}
		if err := os.Chdir("/etc"); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin) // until the test ends
	return err
}

// answer is what a finder that is a process of its own prints.
type answer struct {
	Found    []Found
	Problems []string
	Holders  []Holder
	Blind    []string // problems of HeldByOther
}

func ask() {
	var a answer
	var err, err2 error
	f := New(Options{})
	a.Found, a.Problems, err = f.Find(context.Background())
	a.Holders, a.Blind, err2 = f.HeldByOther(context.Background(), guardedPorts())
	if err != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, err, err2)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(a)
}

// server is a program to start, by this test program under another name.
type server struct {
	name   string
	listen string // such as "[::]:7350 127.0.0.1:7351"; "" is nothing
	args   []string
	root   string // "" is ours
	as     *syscall.SysProcAttr
}

// running is a started server.
type running struct {
	pid  int
	kill func()
}

// start runs it on a host, or in the network that the tests themselves are in when there is none.
func (s server) start(t testing.TB, h *lab.Host) running {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), s.name)
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, s.args...)
	cmd.SysProcAttr = s.as
	cmd.Env = append(os.Environ(), listenVariable+"="+s.listen, rootVariable+"="+s.root, "GORACE=atexit_sleep_ms=0")
	hold, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	output, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = hold, stdout, stdout
	p := begin(t, cmd, h)
	hold.Close()
	stdout.Close()
	t.Cleanup(func() {
		p.kill()
		stdin.Close()
		output.Close()
	})
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s says %q, %v; want ready", s.name, line, err)
	}
	return p
}

// begin starts a command on a host, or beside the tests. It may be killed again.
func begin(t testing.TB, cmd *exec.Cmd, h *lab.Host) running {
	t.Helper()
	if h != nil {
		p, err := h.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		return running{p.PID, p.Kill}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return running{cmd.Process.Pid, func() {
		_ = cmd.Process.Kill() // an error means that it has ended
		_ = cmd.Wait()         // tells that it was killed, or waited for already
	}}
}

func guardedPorts() []Guarded {
	return []Guarded{
		{"nakama-api", 7350, "nakama"},
		{"nakama-console", 7351, "nakama"},
		{"cockroachdb-http", 8080, "cockroach"},
		{"warden", 9735, ""},
	}
}

// tree is a fake /proc.
type tree struct {
	testing.TB
	dir string
}

const tableHeading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// newTree has process 1 and, as number 99, the agent itself.
func newTree(t testing.TB) tree {
	t.Helper()
	f := tree{t, t.TempDir()}
	f.network("own", "")
	f.process(1, "init", "own")
	f.process(99, "nakama-warden", "own")
	f.link("thread-self", "99")
	return f
}

func (f tree) file(name, text string) {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.Fatal(err)
	}
}

func (f tree) link(name, to string) {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		f.Fatal(err)
	}
}

// network makes a namespace with these lines of /proc/net/tcp.
func (f tree) network(name, lines string) {
	f.Helper()
	f.file("networks/"+name+"/tcp", tableHeading+lines)
}

// process adds one that holds the sockets of these inodes.
func (f tree) process(pid int, program, network string, sockets ...int) string {
	f.Helper()
	dir := fmt.Sprint(pid) + "/"
	f.file(dir+"comm", program+"\n")
	f.file(dir+"stat", statLine(pid, program, 1000*pid))
	f.file(dir+"cmdline", program+"\x00")
	f.file(dir+"cgroup", "0::/\n")
	f.link(dir+"net", "../networks/"+network)
	f.link(dir+"ns/net", fmt.Sprintf("net:[%d]", 4026531000+len(network)))
	f.link(dir+"fd/0", "/dev/null")
	for i, inode := range sockets {
		f.link(dir+fmt.Sprintf("fd/%d", i+3), fmt.Sprintf("socket:[%d]", inode))
	}
	return dir
}

func statLine(pid int, program string, started int) string {
	return fmt.Sprintf("%d (%s) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 8 0 %d 0 0\n", pid, program, started)
}

// line is one of /proc/net/tcp: a listener on every address.
func line(port uint16, inode int) string {
	return fmt.Sprintf("   0: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 %5d        0 %d 1 0 100 0 0 10 0\n",
		port, os.Getuid(), inode)
}

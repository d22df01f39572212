package collector

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
	"github.com/nakama-warden/nakama-warden/test/lab"
)

// playVariable makes this test binary another program: "serve HELD ADDRESS…" is a server that accepts so many connections
// at each address and leaves others waiting, "crowd" holds connections as its input says.
const playVariable = "NAKAMA_WARDEN_COLLECTOR_PLAY"

func TestMain(m *testing.M) {
	words := strings.Fields(os.Getenv(playVariable))
	if len(words) == 0 {
		lab.Main(m.Run)
	}
	var err error
	if words[0] == "serve" {
		err = serve(words[1], words[2:])
	} else {
		err = crowd()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// ready is what a program says when it has done what it was told.
const ready = "ready"

// serve listens and accepts; at port 9100 it tells a Nakama's metrics.
func serve(number string, addresses []string) error {
	most, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		if strings.HasSuffix(address, ":9100") {
			go http.Serve(listener, http.HandlerFunc(tellMetrics)) //nolint:errcheck // ends with the process
			continue
		}
		go accept(listener, most)
	}
	fmt.Println(ready)
	_, err = io.Copy(io.Discard, os.Stdin) // until the test ends
	return err
}

func tellMetrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "nakama_sessions 2\nnakama_presences 5\ngo_memstats_next_gc_bytes 6e7\ngo_memstats_stack_inuse_bytes 1e6\n")
}

func accept(listener net.Listener, most int) {
	room := make(chan struct{}, most)
	for {
		room <- struct{}{}
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = conn.Read(make([]byte, 1)) // ends when the client does
			_ = conn.Close()
			<-room
		}()
	}
}

// crowd holds as many connections to ADDRESS as lines of its input, "NUMBER ADDRESS", say.
func crowd() error {
	held := map[string][]net.Conn{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println(ready) {
		var number int
		var address string
		if _, err := fmt.Sscan(lines.Text(), &number, &address); err != nil {
			return err
		}
		for len(held[address]) < number {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return fmt.Errorf("connection %d: %w", len(held[address]), err)
			}
			// Closed by a reset, thousands of connections leave nothing behind.
			if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
				return err
			}
			held[address] = append(held[address], conn)
		}
		for _, conn := range held[address][number:] {
			_ = conn.Close() // nothing was written
		}
		held[address] = held[address][:number]
	}
	return nil
}

// program is this test binary as another one, of another name.
type program struct {
	PID  int
	Kill func()

	tb  testing.TB
	out *bufio.Reader
	in  io.Writer
}

// start starts it on a host.
func start(tb testing.TB, host *lab.Host, name, role string, args ...string) *program {
	tb.Helper()
	return startAs(tb, host, nil, name, role, args...)
}

func startAs(tb testing.TB, host *lab.Host, as *syscall.SysProcAttr, name, role string, args ...string) *program {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	link := filepath.Join(tb.TempDir(), name)
	if err := os.Symlink(self, link); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(link, args...)
	cmd.Env = append(os.Environ(), playVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = as
	stdin, in, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stdout
	p := &program{tb: tb, out: bufio.NewReader(out), in: in}
	p.PID, p.Kill, err = begin(host, cmd)
	stdin.Close()
	stdout.Close()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		p.Kill()
		in.Close()
		out.Close()
	})
	return p
}

// begin starts a command on a host, or beside the tests where there is none. kill may be called again.
func begin(host *lab.Host, cmd *exec.Cmd) (pid int, kill func(), err error) {
	if host != nil {
		p, err := host.Start(cmd)
		if err != nil {
			return 0, nil, err
		}
		return p.PID, p.Kill, nil
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // an error means that it has ended
		_ = cmd.Wait()         // tells that it was killed
	}), nil
}

// server starts a program that listens, and waits until it does.
func server(tb testing.TB, host *lab.Host, name string, addresses []string, args ...string) *program {
	tb.Helper()
	p := start(tb, host, name, fmt.Sprint("serve ", acceptedAtMost, " ", strings.Join(addresses, " ")), args...)
	p.hears()
	return p
}

func (p *program) hears() {
	p.tb.Helper()
	if line, err := p.out.ReadString('\n'); strings.TrimSpace(line) != ready {
		p.tb.Fatalf("process %d says %q, %v", p.PID, line, err)
	}
}

// holds makes a crowd hold so many connections.
func (p *program) holds(number int, to netip.AddrPort) {
	p.tb.Helper()
	if _, err := fmt.Fprintln(p.in, number, to); err != nil {
		p.tb.Fatal(err)
	}
	p.hears()
}

// measuring is a Collector at work until the test ends.
type measuring struct {
	*Collector
	tb    testing.TB
	began time.Time
}

func measure(tb testing.TB, o Options) *measuring {
	tb.Helper()
	if o.Guarded == nil {
		o.Guarded = guarded
	}
	if o.Roles == nil {
		o.Roles = func() []string { return nil }
	}
	if o.Environment == nil {
		o.Environment = func() string { return "testing" }
	}
	m := &measuring{Collector: New(o), tb: tb, began: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = m.Run(ctx) }) // always nil
	tb.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return m
}

func guarded() []Guarded {
	return []Guarded{
		{"cockroachdb-http", "cockroachdb", 8080, "cockroach"}, {"cockroachdb-sql", "cockroachdb", 26257, "cockroach"},
		{"nakama-api", "nakama", 7350, "nakama"}, {"nakama-console", "nakama", 7351, "nakama"},
	}
}

// patience is more than anything takes on a machine that does other things too.
const patience = 30 * time.Second

// await waits for a sample in which the claim holds, and returns it.
func (m *measuring) await(what string, claim func(*status.Sample) bool) *status.Sample {
	m.tb.Helper()
	ctx, cancel := context.WithTimeout(m.tb.Context(), patience)
	defer cancel()
	for {
		changed := m.Changed()
		last := m.Latest()
		if last != nil && claim(last) {
			return last
		}
		select {
		case <-ctx.Done():
			m.tb.Fatalf("%s: not seen; the last sample is %+v", what, last)
		case <-changed:
		}
	}
}

func awaitTrue(tb testing.TB, claim func() bool) {
	tb.Helper()
	if !eventually(tb.Context(), claim) {
		tb.Fatal("it never comes")
	}
}

// eventually looks again and again, at what tells nobody that it has changed.
func eventually(ctx context.Context, claim func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !claim() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// hurried is a clock that runs faster: what is done every ten seconds is done every one.
func hurried() func() time.Time {
	began := time.Now()
	return func() time.Time { return began.Add(10 * time.Since(began)) }
}

// of returns the unit of a process.
func of(s *status.Sample, p *program) (status.Unit, bool) {
	for _, u := range s.Units {
		if u.PID == p.PID {
			return u, true
		}
	}
	return status.Unit{}, false
}

// at7350 is what is known of the connections to Nakama's port.
func at7350(s *status.Sample, p *program) (port status.Port, known bool) {
	u, _ := of(s, p)
	for _, port := range u.Ports {
		if port.Port == 7350 {
			return port, true
		}
	}
	return status.Port{}, false
}

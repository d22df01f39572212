package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

const (
	// crowdSize is how many connections the daemon watches, crowdTime how long, scrapeEvery how often it is scraped.
	crowdSize   = 100_000
	crowdTime   = 60 * time.Second
	scrapeEvery = 15 * time.Second

	// cpuBudget is a share of a core, memoryBudget the resident memory.
	cpuBudget    = 0.003
	memoryBudget = 40e6
)

const countingConfig = `roles: [nakama]
environment: testing
web: {listen: "127.0.0.1:9735"}
firewall: {mode: enforce}
`

// counting measures what the daemon takes beside a Nakama with a hundred thousand connections.
func (b *bench) counting() error {
	l, err := lab.New()
	if err != nil {
		return err
	}
	defer l.Close()
	host, err := l.Host("guarded")
	if err != nil {
		return err
	}
	if err := b.gather(host); err != nil {
		return err
	}
	s, err := supervise(host, b.program, filepath.Join(b.dir, "counting"), countingConfig, true)
	if err != nil {
		return err
	}
	counted, err := awaitCount(b.ctx, host, crowdSize)
	if err != nil {
		return errors.Join(err, s.end())
	}
	share, err := b.watch(host, s.daemon.PID)
	if err != nil {
		return errors.Join(err, s.end())
	}
	resident, err := memoryOf(s.daemon.PID)
	if err != nil {
		return errors.Join(err, s.end())
	}
	b.note("connections counted (the control)", strconv.Itoa(counted))
	b.row(fmt.Sprintf("%d connections, scraped every %s for %s: CPU", crowdSize, scrapeEvery, crowdTime),
		fmt.Sprintf("%.2f %% of a core", 100*share), fmt.Sprintf("%.1f %%", 100*cpuBudget), share <= cpuBudget)
	b.row("the same: VmRSS", fmt.Sprintf("%.1f MB", float64(resident)/1e6), fmt.Sprintf("%.0f MB", memoryBudget/1e6), resident <= memoryBudget)
	return s.end()
}

// watch scrapes the daemon for a while and returns its share of a core from the first scrape to the last: what a start
// costs is over by then.
func (b *bench) watch(host *lab.Host, pid int) (share float64, err error) {
	var before, after time.Duration
	var began, now time.Time
	ticker := time.NewTicker(scrapeEvery)
	defer ticker.Stop()
	for i := range 1 + int(crowdTime/scrapeEvery) {
		select {
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		case now = <-ticker.C:
		}
		if _, err := countedBy(b.ctx, host); err != nil {
			return 0, err
		}
		if after, err = cpuOf(pid); err != nil {
			return 0, err
		}
		if i == 0 {
			began, before = now, after
		}
	}
	return float64(after-before) / float64(now.Sub(began)), nil
}

// awaitCount waits until the daemon tells the right number.
func awaitCount(ctx context.Context, host *lab.Host, want int) (counted int, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if counted, err = countedBy(ctx, host); err == nil && counted == want {
			return counted, nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("the daemon counts %d connections of %d: %w", counted, want, errors.Join(err, ctx.Err()))
		case <-ticker.C:
		}
	}
}

// countedBy scrapes the daemon and returns how many connections to Nakama it tells.
func countedBy(ctx context.Context, host *lab.Host) (int, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var conn net.Conn
			err := host.Do(func() (err error) {
				conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:9735")
				return err
			})
			return conn, err
		}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9735/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	line := regexp.MustCompile(`(?m)^nakama_warden_connections\{service="nakama-api",state="established",.*\} (\S+)$`).FindSubmatch(page)
	if line == nil {
		return 0, errors.New("the daemon tells of no connections")
	}
	number, err := strconv.ParseFloat(string(line[1]), 64)
	return int(number), err
}

// clockTick is USER_HZ, which is 100 on every architecture that Go runs on (proc_pid_stat(5)).
const clockTick = 10 * time.Millisecond

// cpuOf is what a process has used, in user mode and in the kernel.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold blanks. utime and stime are fields 14 and 15 of the whole.
	_, rest, _ := strings.Cut(string(text), ") ")
	var user, system int64
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * clockTick, nil
}

// memoryOf is the VmRSS of a process in bytes.
func memoryOf(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 54)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status tells no VmRSS", pid)
}

// gather has a process called nakama listen at 7350, and others hold both ends of the connections: where a process has
// 20,000 descriptors, it takes eleven.
func (b *bench) gather(host *lab.Host) error {
	var socket net.Listener
	err := host.Do(func() (err error) {
		socket, err = net.Listen("tcp4", "0.0.0.0:7350")
		return err
	})
	if err != nil {
		return err
	}
	listener, err := socket.(*net.TCPListener).File()
	if err = errors.Join(err, socket.Close()); err != nil {
		return err
	}
	defer listener.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	most := (int(min(limit.Cur, 20_000)) - 100) / 2
	if err := b.play(host, listener, "nakama", 0, 0); err != nil {
		return err
	}
	for i, left := 1, crowdSize; left > 0; i, left = i+1, left-most {
		if err := b.play(host, listener, "holder", i, min(left, most)); err != nil {
			return err
		}
	}
	return nil
}

// holdVariable makes this program a holder: "I NUMBER" is its own number and how many connections it holds.
const holdVariable = "NAKAMA_WARDEN_BENCH_HOLD"

// play starts this program under another name, with the listener, and waits until it holds what it should.
func (b *bench) play(host *lab.Host, listener *os.File, name string, i, number int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	link := filepath.Join(b.dir, name)
	if err := os.Symlink(self, link); err != nil && !os.IsExist(err) {
		return err
	}
	said, output, err := os.Pipe()
	if err != nil {
		return err
	}
	defer said.Close()
	cmd := exec.Command(link)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", holdVariable, i, number))
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, []*os.File{listener}
	_, err = host.Start(cmd)
	_ = output.Close() // the program has its own
	if err != nil {
		return err
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "holding\n" {
		return fmt.Errorf("%s %d says %q, %w", name, i, line, err)
	}
	return nil
}

// hold holds connections from 127.0.1.I until it is killed.
func hold(role string) error {
	const listener = 3
	var i, number int
	if _, err := fmt.Sscan(role, &i, &number); err != nil {
		return err
	}
	if err := unix.SetNonblock(listener, false); err != nil {
		return err
	}
	for range number {
		client, err := connectFrom([4]byte{127, 0, 1, byte(i)})
		if err != nil {
			return err
		}
		// All holders accept from one listener: what is accepted here may be another's, but each ends with as many.
		server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return err
		}
		// Closed by a reset, a hundred thousand connections leave nothing behind.
		for _, fd := range []int{client, server} {
			if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
				return err
			}
		}
	}
	fmt.Println("holding")
	return unix.Pause()
}

// connectFrom connects without a word to the runtime, which would keep more of a connection than the kernel does.
func connectFrom(address [4]byte) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	// The port is chosen when the destination is known: more connections than ports are possible.
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: address}); err != nil {
		return 0, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: 7350, Addr: [4]byte{127, 0, 0, 1}})
}

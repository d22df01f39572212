package sockdiag

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	psnet "github.com/shirou/gopsutil/v3/net"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// budget is how much CPU time a count of 100k may cost beside a loop that asks the same and looks at nothing.
const budget = 1.3

// pairsPerLoop: the few pairs that fit into a second at 100k would leave the ratio to what else the machine does.
const pairsPerLoop = 15

// BenchmarkCount counts real connections, three quarters of them IPv4 clients of [::], beside its peers, each in a
// process of its own that tells how much CPU time it took. node_exporter's tcpstat is not among them: its module is not
// required here.
func BenchmarkCount(b *testing.B) {
	for _, number := range []int{1_000, 10_000, 100_000} {
		b.Run(strconv.Itoa(number), func(b *testing.B) { benchmarkCount(b, number) })
	}
}

func benchmarkCount(b *testing.B, number int) {
	host := lab.Namespace(b)
	crowdOf(b, host, number)
	count, bare := start(b, host, self("count")), start(b, host, self("bare"))
	for range 2 { // once to warm up
		if got := count.asks(); got[:len(strconv.Itoa(number))+1] != strconv.Itoa(number)+" " {
			b.Fatalf("counted %s; want %d", got, number)
		}
		bare.asks()
	}
	var counts, bares, ratios []float64
	for b.Loop() {
		for range pairsPerLoop {
			c, f := cpu(b, count.asks()), cpu(b, bare.asks())
			counts, bares, ratios = append(counts, c), append(bares, f), append(ratios, c/f)
		}
	}
	ratio := median(ratios)
	b.ReportMetric(0, "ns/op") // the times of two processes together mean nothing
	b.ReportMetric(median(counts), "count-ms")
	b.ReportMetric(median(bares), "bare-ms")
	b.ReportMetric(ratio, "count/bare")
	peers := map[string]func() float64{
		"gopsutil": func() float64 { return cpu(b, start(b, host, self("gopsutil")).asks()) },
		"ss":       func() float64 { return runSS(b, host) },
	}
	for name, peer := range peers {
		if ms := peer(); ms > 0 {
			b.ReportMetric(ms/median(counts), name+"/count")
		}
	}
	if number == 100_000 && ratio > budget {
		b.Errorf("count/bare is %.2f; want at most %.1f", ratio, budget)
	}
}

// crowdOf holds so many connections to port 7350, in as many processes as it takes.
func crowdOf(b *testing.B, host *lab.Host, number int) {
	listener := listen(b, host, "tcp", "[::]:7350")
	var groups []group
	from := netip.MustParseAddr("127.0.1.1")
	for number > 0 {
		some := min(number, pairs(b))
		number -= some
		if g := (group{from, four, some, some / 100}); len(groups)%4 == 3 {
			groups = append(groups, group{six, six, g.number, g.closeWait})
		} else {
			groups = append(groups, g)
		}
		from = from.Next() // an address has 28,000 ports
	}
	crowd(b, host, listener, groups...)
}

// measure does one thing for each line that it reads, and tells what it counted and the CPU time in milliseconds.
func measure(part string) error {
	var once func() (uint64, error)
	var err error
	switch part {
	case "count":
		once, err = counting()
	case "bare":
		once, err = asking()
	case "gopsutil":
		once = func() (uint64, error) {
			all, err := psnet.Connections("tcp")
			return uint64(len(all)), err
		}
	}
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		before, err := used()
		if err != nil {
			return err
		}
		number, err := once()
		if err != nil {
			return err
		}
		after, err := used()
		if err != nil {
			return err
		}
		fmt.Println(number, float64((after-before).Microseconds())/1000)
	}
	return nil
}

func counting() (func() (uint64, error), error) {
	c, err := Open(Own(), []uint16{7350})
	counts := make([]Counts, 1)
	return func() (uint64, error) {
		err := c.Count(context.Background(), counts)
		return counts[0].Established + counts[0].CloseWait, err
	}, err
}

// asking makes the same request, and looks at no more of the answer than whether it is the last of it.
func asking() (func() (uint64, error), error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	request := appendRequest(nil, unix.AF_UNSPEC, 1, query{[]uint16{7350}, countedStates})
	buffer := make([]byte, receiveSize)
	return func() (uint64, error) {
		if _, err := unix.Write(fd, request); err != nil {
			return 0, err
		}
		for {
			n, err := unix.Read(fd, buffer)
			if err != nil || n < 6 || buffer[4] == unix.NLMSG_DONE || buffer[4] == unix.NLMSG_ERROR {
				return 0, err
			}
		}
	}, err
}

// used is the CPU time of this process until now.
func used() (time.Duration, error) {
	var usage unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

// runSS counts by ss, filtered by port as we do. It returns 0 where there is none.
func runSS(b *testing.B, host *lab.Host) (ms float64) {
	path, err := exec.LookPath("ss")
	if err != nil {
		b.Log("ss is not compared: there is none here")
		return 0
	}
	cmd := exec.Command(path, "-tnH", "sport = :7350")
	p, err := host.Start(cmd)
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		b.Fatal(err)
	}
	state := cmd.ProcessState
	return float64((state.UserTime() + state.SystemTime()).Microseconds()) / 1000
}

// cpu reads the CPU time out of what measure says.
func cpu(b *testing.B, said string) (ms float64) {
	b.Helper()
	var number uint64
	if _, err := fmt.Sscan(said, &number, &ms); err != nil {
		b.Fatalf("%q: %v", said, err)
	}
	return ms
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

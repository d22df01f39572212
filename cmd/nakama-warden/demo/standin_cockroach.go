package demo

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// cacheSize is the memory that a CockroachDB of the fleet has filled.
	cacheSize = 16 << 20
	// The disk and the certificate of a stand-in are figures of speech.
	diskSize      = 100e9
	diskAvailable = 62e9
	certificate   = 365 * 24 * time.Hour
	// clockSwing is how far its clock is said to be off, in nanoseconds: as on hosts that keep time well.
	clockSwing = 400e3
)

// cockroach takes SQL connections, knows its peers, and tells what operators of CockroachDB look at.
func (s *standIn) cockroach(args []string) error {
	flags := newFlags(cockroachProgram)
	join := flags.String("join", "", "")
	for _, name := range []string{"cache", "max-sql-memory"} { // the daemon reads them
		flags.String(name, "", "")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.held = touched(cacheSize)
	began := time.Now()
	var clients, peers atomic.Int64
	if err := s.echo(sqlPort, &clients); err != nil {
		return err
	}
	for address := range strings.SplitSeq(*join, ",") {
		s.connect(address, 1, &peers)
	}
	pages := http.NewServeMux()
	pages.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {}) // 200: it is always ready
	pages.Handle("/_status/vars", gauges{
		"sys_uptime":                           func() float64 { return time.Since(began).Seconds() },
		"sys_rss":                              resident,
		"sys_fd_open":                          openFiles,
		"sys_fd_softlimit":                     softLimit,
		"liveness_livenodes":                   func() float64 { return 1 + float64(peers.Load()) },
		"sql_conns":                            countOf(&clients),
		"capacity":                             always(diskSize),
		"capacity_available":                   always(diskAvailable),
		"ranges_unavailable":                   always(0),
		"ranges_underreplicated":               always(0),
		"storage_write_stalls":                 always(0),
		"clock_offset_meannanos":               func() float64 { return clockSwing * math.Sin(time.Since(began).Minutes()) },
		"security_certificate_expiration_node": always(float64(began.Add(certificate).Unix())),
	}.page())
	return s.page(databaseWebPort, pages)
}

// resident is the memory of this process, in bytes; what cannot be read is told as no number.
func resident() float64 {
	var pages, inMemory float64
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(text), &pages, &inMemory)
	}
	if err != nil {
		return math.NaN()
	}
	return inMemory * float64(os.Getpagesize())
}

func openFiles() float64 {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return math.NaN()
	}
	return float64(len(open))
}

func softLimit() float64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.NaN()
	}
	return float64(limit.Cur)
}

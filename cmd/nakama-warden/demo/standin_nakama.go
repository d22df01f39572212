package demo

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sys/unix"
)

const (
	// nakamaBase is the memory that a Nakama of the fleet takes without a player: less than a real one, as there are three.
	nakamaBase = 24 << 20
	// nakamaFiles is how many descriptors it may open.
	nakamaFiles = 1500
	// poolSize is how many connections it keeps to each node of the database.
	poolSize = 3
	// streams is in how many of Nakama's streams each player is: the notifications' and the status'.
	streams = 2
)

// nakama takes memory for each player on 7350, answers on its other ports, keeps a pool to the database, and tells of sessions.
func (s *standIn) nakama(args []string) error {
	flags := newFlags(nakamaProgram)
	metrics := flags.Uint("metrics.prometheus_port", 0, "")
	databases := flags.String("database.address", "", "") // several, with commas
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: nakamaFiles, Max: nakamaFiles}); err != nil {
		return fmt.Errorf("limit the descriptors: %w", err)
	}
	listener, err := s.listen(apiPort)
	if err != nil {
		return err
	}
	players, err := newServer(listener, nakamaBase)
	if err != nil {
		return err
	}
	s.work.Go(func() error { return players.run(s.ctx) })
	var others atomic.Int64 // who is connected to the other ports, or to the database, is not told of
	for _, port := range []uint16{consoleGRPCPort, grpcPort, consolePort} {
		if err := s.echo(port, &others); err != nil {
			return err
		}
	}
	for database := range strings.SplitSeq(*databases, ",") {
		s.connect(database, poolSize, &others)
	}
	if *metrics == 0 {
		return nil
	}
	sessions := func() float64 { return float64(players.connections()) }
	pages := http.NewServeMux()
	pages.Handle("/metrics", gauges{
		"nakama_sessions":  sessions,
		"nakama_presences": func() float64 { return streams * sessions() },
	}.page(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
	return s.page(uint16(*metrics), pages)
}

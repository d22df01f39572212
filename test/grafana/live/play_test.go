package live

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// playVariable makes this test binary a server. The daemon looks at its name, which is the link's that it is started by.
const playVariable = "NAKAMA_WARDEN_GRAFANA_PLAY"

const (
	apiPort     = 7350
	consolePort = 7351
	metricsPort = 9100
	sqlPort     = 26257
	descriptors = 4000
)

// play is the life of a server. It ends when it is killed.
func play(role string) error {
	if role == "cockroachdb" {
		return serve(sqlPort, hold)
	}
	problems := make(chan error, 2)
	go func() { problems <- demo.Serve(context.Background(), descriptors) }()
	go func() { problems <- serve(metricsPort, tell) }()
	return <-problems
}

// serve accepts until something fails.
func serve(port uint16, answer func(net.Listener) error) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	defer listener.Close()
	return answer(listener)
}

// hold keeps every connection.
func hold(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn) // its end is the client's
		}()
	}
}

// tell is Nakama's own metrics, which are those of its Go runtime too.
func tell(listener net.Listener) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	for name, value := range map[string]float64{"nakama_sessions": 12, "nakama_presences": 30} {
		gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: name})
		gauge.Set(value)
		registry.MustRegister(gauge)
	}
	return http.Serve(listener, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// connect opens so many connections, which last as long as the test.
func (s *stage) connect(from, to string, port uint16, n int) {
	s.t.Helper()
	must(s.t, s.hosts[from].Do(func() error {
		for range n {
			conn, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", netip.AddrPortFrom(s.hosts[to].V4, port).String())
			if err != nil {
				return err
			}
			s.t.Cleanup(func() { conn.Close() })
		}
		return nil
	}))
}

// knock tries a port where nobody is let in, or nobody listens.
func (s *stage) knock(from, to string, port uint16) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := s.hosts[from].Dial(ctx, netip.AddrPortFrom(s.hosts[to].V4, port)); err == nil {
		conn.Close()
	}
}

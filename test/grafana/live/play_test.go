package live

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/nakama-warden/nakama-warden/cmd/nakama-warden/demo"
)

// playVariable makes this test binary a stand-in for the program by whose name it is started.
const playVariable = "NAKAMA_WARDEN_GRAFANA_PLAY"

const (
	apiPort     = 7350
	consolePort = 7351
	sqlPort     = 26257
)

// play is the life of a server. It ends when it is killed.
func play(args []string) error {
	return demo.StandIn(context.Background(), append([]string{filepath.Base(args[0])}, args[1:]...))
}

// program is what runs on hosts of a role: its name, and its flags.
func program(role string) (name, flags string) {
	if role == "cockroachdb" {
		return "cockroach", "--cache=.25"
	}
	return "nakama", "--metrics.prometheus_port=9100"
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

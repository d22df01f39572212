package receivers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify/email"
	commonconfig "github.com/prometheus/common/config"
)

const mailKind = "email"

// mail sends through the email package, which connects by itself and heeds no deadline once it is connected. So it is
// given a relay to the server, on loopback and for this attempt alone, whose connections end with the context.
func (d *direct) mail(ctx context.Context, alerts []*alert.Alert) (retry bool, err error) {
	conf := *d.conf.EmailConfigs[0]
	server := conf.Smarthost.String()
	r, err := newRelay(ctx, conf.Smarthost)
	if err != nil {
		return true, err
	}
	defer r.close()
	through(&conf, r.address())
	retry, err = email.New(&conf, d.template, d.log).Notify(ctx, alerts...)
	if err != nil {
		return retry, relayed{err, strings.ReplaceAll(err.Error(), conf.Smarthost.String(), server)}
	}
	return false, nil
}

// through has the notifier connect to the relay and believe all else of the server: the name that its certificate must
// bear, and whether the connection is TLS from the start, which goes by the port.
func through(conf *config.EmailConfig, relay config.HostPort) {
	secure := commonconfig.TLSConfig{}
	if conf.TLSConfig != nil {
		secure = *conf.TLSConfig
	}
	if secure.ServerName == "" {
		secure.ServerName = conf.Smarthost.Host
	}
	if conf.ForceImplicitTLS == nil {
		implicit := conf.Smarthost.Port == "465"
		conf.ForceImplicitTLS = &implicit
	}
	conf.TLSConfig, conf.Smarthost, conf.Headers = &secure, relay, maps.Clone(conf.Headers)
}

// relayed is an error of the mail server that names it, not the relay.
type relayed struct {
	error
	text string
}

func (r relayed) Error() string { return r.text }
func (r relayed) Unwrap() error { return r.error }

// relay passes one connection on to a server.
type relay struct {
	listener net.Listener
	server   net.Conn
	stop     func() bool
	copies   sync.WaitGroup
}

func newRelay(ctx context.Context, server config.HostPort) (*relay, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", server.String())
	if err != nil {
		return nil, fmt.Errorf("connect to the mail server: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(relayHost(server.Host), "0"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on loopback for the way to the mail server: %w", err), conn.Close())
	}
	r := &relay{listener: listener, server: conn}
	r.stop = context.AfterFunc(ctx, r.cut)
	r.copies.Go(r.serve)
	return r, nil
}

// relayHost: net/smtp sends a password in clear text to what is called 127.0.0.1 or localhost and to nobody else. That
// stays so when the server is neither.
func relayHost(server string) string {
	switch server {
	case "localhost", "127.0.0.1", "::1":
		return "127.0.0.1"
	}
	return "127.0.0.2"
}

func (r *relay) address() config.HostPort {
	host, port, err := net.SplitHostPort(r.listener.Addr().String())
	if err != nil {
		return config.HostPort{} // which no listener's address is
	}
	return config.HostPort{Host: host, Port: port}
}

func (r *relay) serve() {
	client, err := r.listener.Accept()
	if err != nil {
		return
	}
	r.copies.Go(func() {
		_, _ = io.Copy(r.server, client) // an end on one side is an end on both
		_ = r.server.Close()
	})
	_, _ = io.Copy(client, r.server)
	_ = client.Close()
}

// cut ends both connections: the copies end, so does what the notifier waits for.
func (r *relay) cut() {
	_ = r.listener.Close()
	_ = r.server.Close()
}

func (r *relay) close() {
	r.stop()
	r.cut()
	r.copies.Wait()
}

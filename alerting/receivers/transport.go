package receivers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// handshake bounds what the deadline of an attempt would leave to a server that accepts and says nothing.
const handshake = 10 * time.Second

// longestResponse bounds what a server may answer: the notify packages read all of it into memory.
const longestResponse = 1 << 20

var errLongResponse = errors.New("the answer is longer than 1 MiB")

func userAgent(version string) string { return "nakama-warden/" + cmp.Or(version, "unknown") }

// dial connects for HTTP/1.1, where a response ends before the next request is written.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &patient{Conn: conn, left: longestResponse}, nil
}

// dialWithin connects for one attempt: its end closes the connection under whoever still waits on it.
func dialWithin(ctx, attempt context.Context, network, address string) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(attempt, func() { _ = conn.Close() })
	return conn, nil
}

// patient is a connection whose patience is renewed by each request.
type patient struct {
	net.Conn
	mu   sync.Mutex // guards left: the transport reads and writes at the same time
	left int
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left -= n; p.left < 0 {
		return 0, errLongResponse
	}
	return n, err
}

func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.left = longestResponse
	p.mu.Unlock()
	return p.Conn.Write(b)
}

// keeper keeps the status and the beginning of the body of the last response for whoever sent the request: the generated
// client gives neither for most of them.
type keeper struct {
	agent string
	next  http.RoundTripper
}

type lastAnswer struct {
	mu   sync.Mutex // guards both: the transport may outlive a request whose context ended
	code int
	body string
}

type lastAnswerKey struct{}

func withLastAnswer(ctx context.Context, a *lastAnswer) context.Context {
	return context.WithValue(ctx, lastAnswerKey{}, a)
}

func (a *lastAnswer) set(code int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.code, a.body = code, body
}

func (a *lastAnswer) get() (code int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.code, a.body
}

func (k *keeper) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", k.agent)
	resp, err := k.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer+1))
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	if last, ok := req.Context().Value(lastAnswerKey{}).(*lastAnswer); ok {
		last.set(resp.StatusCode, string(head))
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), resp.Body), resp.Body}
	return resp, nil
}

package application

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// deadline is for all requests of one question together. A healthy application answers within milliseconds.
const deadline = 2 * time.Second

// maxHeader is more than any honest header; Go's own bound is 1 MiB.
const maxHeader = 64 << 10

func newHTTP(base *url.URL, dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &http.Client{
		Transport: &http.Transport{
			// No proxy: what is asked is on this host.
			DialContext: abrupt(dial),
			// Nodes sign with a certificate authority of their own, which is not among the system's. To a loopback address
			// that is nothing to mend: whoever answers there is a process of this host, nobody can sit in between, and
			// nothing secret is sent. To any other address the certificate is checked.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: loopback(base.Hostname())},
			// An idle connection would be one more descriptor of the application, and one more goroutine of ours.
			DisableKeepAlives: true,
			// On one host, compressing costs more than it saves.
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// abrupt has connections end with a reset. We close when we have read all, or want no more. A server that hangs would keep one
// that ends in good order as close-wait, for ever, and so one more with each question.
func abrupt(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if tcp, is := conn.(interface{ SetLinger(int) error }); err == nil && is {
			_ = tcp.SetLinger(0) // fails only on a connection that has ended already
		}
		return conn, err
	}
}

// loopback is for literal addresses only: where a name leads is decided elsewhere.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// get asks once, and over TLS again if the answer is that this port wants it.
func (c *Client) get(ctx context.Context, path, query string) (*http.Response, error) {
	at := *c.base
	at.Path, at.RawQuery = path, query
	response, err := c.send(ctx, at)
	if err != nil || at.Scheme == "https" || !wantsTLS(response) {
		return response, err
	}
	at.Scheme = "https"
	return c.send(ctx, at)
}

func (c *Client) send(ctx context.Context, at url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	request.Header.Set("User-Agent", "nakama-warden")
	response, err := c.http.Do(request)
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) {
		return nil, fmt.Errorf("%w (let it answer on a loopback address too, or trust its certificate authority on this host)", err)
	}
	return response, err
}

// wantsTLS tells the two ways in which a port that speaks TLS refuses plain HTTP: Go's own server says so, and a
// CockroachDB with certificates redirects to the same address. The body of a refusal is read and closed. The redirect
// itself is not followed: we ask again where we asked before.
func wantsTLS(response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusBadRequest:
		return strings.Contains(drain(response), "HTTP request to an HTTPS server")
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		to, err := response.Location()
		if err != nil || to.Scheme != "https" || to.Host != response.Request.URL.Host {
			return false
		}
		response.Body.Close()
		return true
	}
	return false
}

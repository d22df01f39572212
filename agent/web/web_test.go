package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve answers o on a port of loopback and returns its address and how to end it.
func serve(t testing.TB, o Options) (address string, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- ServeListener(ctx, l, o) }()
	done := false
	end = func() {
		if done {
			return
		}
		done = true
		cancel()
		if err := <-served; err != nil {
			t.Errorf("ServeListener: %v", err)
		}
	}
	t.Cleanup(end)
	return l.Addr().String(), end
}

// certificate writes a key pair for 127.0.0.1 into folder and returns what trusts it.
func certificate(t testing.TB, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "nakama-1"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Unix(1<<33, 0),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, filepath.Join(folder, "host.crt"), string(public))
	writeFile(t, filepath.Join(folder, "host.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return pool
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secured is a web configuration with TLS and one user: prometheus, whose password is "secret".
const secured = `tls_server_config: {cert_file: host.crt, key_file: host.key}
basic_auth_users:
  prometheus: $2a$04$sVqvIEzWZbSXC5EglQF4IeDT5My.29a.fugvTI6ZBNqVMdo8fHs.y
`

func TestTLSAndBasicAuth(t *testing.T) {
	folder := t.TempDir()
	pool := certificate(t, folder)
	o := fixed()
	o.ConfigFile = filepath.Join(folder, "web.yaml")
	writeFile(t, o.ConfigFile, secured)
	address, _ := serve(t, o)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
	for _, test := range []struct {
		name, user, password string
		code                 int
	}{
		{"the user", "prometheus", "secret", http.StatusOK},
		{"a wrong password", "prometheus", "guess", http.StatusUnauthorized},
		{"nobody", "", "", http.StatusUnauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.user != "" {
				request.SetBasicAuth(test.user, test.password)
			}
			code, _ := do(t, client, request)
			if code != test.code {
				t.Errorf("got %d; want %d", code, test.code)
			}
		})
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := do(t, http.DefaultClient, request); code == http.StatusOK {
		t.Error("metrics are told without TLS")
	}
}

func do(t testing.TB, client *http.Client, request *http.Request) (code int, body string) {
	t.Helper()
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestServeRefuses(t *testing.T) {
	folder := t.TempDir()
	broken := filepath.Join(folder, "broken.yaml")
	writeFile(t, broken, "basic_auth_user: {}\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, test := range []struct{ name, listen, configFile, want string }{
		{"a taken port", l.Addr().String(), "", "address already in use"},
		{"a bad address", "127.0.0.1:99999", "", "invalid port"},
		{"a config file with an unknown key", "127.0.0.1:0", broken, "broken.yaml: "},
		{"a config file that is absent", "127.0.0.1:0", filepath.Join(folder, "absent.yaml"), "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := fixed()
			o.Listen, o.ConfigFile = test.listen, test.configFile
			err := Serve(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// A client that sends nothing and one that asks nothing more must not hold up the end.
func TestServeEndsWithItsContext(t *testing.T) {
	address, end := serve(t, fixed())
	silent, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	client := &http.Client{Transport: &http.Transport{}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/-/healthy", nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := do(t, client, request); code != http.StatusOK {
		t.Errorf("got %d", code)
	}
	end() // fails the test if Serve returns an error
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

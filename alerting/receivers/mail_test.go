package receivers

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nakama-warden/nakama-warden/status"
)

// mailServer speaks SMTP with one client after the other. Replies are its words by command; DATA. is the one after the
// message. An empty reply is none, ever.
type mailServer struct {
	address string
	replies map[string]string
	got     chan letter
}

type letter struct {
	from, to, login string
	message         string
}

func serveMail(t testing.TB, replies map[string]string) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{address: listener.Addr().String(), replies: replies, got: make(chan letter, 10)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.talk(conn)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return s
}

func (s *mailServer) talk(conn net.Conn) {
	r := bufio.NewReader(conn)
	say := func(command, usual string) (heard bool) {
		reply, own := s.replies[command]
		if !own {
			reply = usual
		}
		if reply == "" {
			_, _ = io.Copy(io.Discard, r) // until the client gives up
			return false
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", reply)
		return err == nil
	}
	if !say("greeting", "220 here") {
		return
	}
	var l letter
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		usual := "250 ok"
		switch verb {
		case "EHLO":
			usual = "250-here\r\n250 AUTH PLAIN"
		case "AUTH":
			l.login, usual = argument, "235 welcome"
		case "MAIL":
			l.from = argument
		case "RCPT":
			l.to = argument
		case "DATA":
			if !say("DATA", "354 go on") {
				return
			}
			var text strings.Builder
			for line := ""; line != ".\r\n"; {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			l.message, verb = text.String(), "DATA."
			s.got <- l
		case "QUIT":
			usual = "221 bye"
		}
		if !say(verb, usual) || verb == "QUIT" {
			return
		}
	}
}

func (s *mailServer) receiver(t testing.TB, more string) Receiver {
	return mustBuild(t, "[{name: a, email_configs: [{to: ops@example.org, from: warden@example.org, smarthost: '"+s.address+
		"', require_tls: false, send_resolved: true, text: '{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}'"+more+"}]}]")[0]
}

func TestMail(t *testing.T) {
	s := serveMail(t, nil)
	secret := t.TempDir() + "/password"
	write(t, secret, "pa55word\n")
	r := s.receiver(t, ", auth_username: warden, auth_password_file: "+secret)
	if r.Name() != "email/a/0" {
		t.Error(r.Name())
	}
	a := firing("ServiceDown", "nakama.service")
	a.Summary = "<script>alert(1)</script>\r\n.\r\n{{ .X }}\nBcc: y@x" + strings.Repeat("x", 100_000)
	a.Labels["cluster"] = "e\r\nBcc: x@y\r\n\r\nu"
	mustDeliver(t, r, a)
	l := <-s.got
	if l.from != "FROM:<warden@example.org>" || l.to != "TO:<ops@example.org>" || l.login != "PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00warden\x00pa55word")) {
		t.Errorf("envelope %q, %q, %q", l.from, l.to, l.login)
	}
	message, err := mail.ReadMessage(strings.NewReader(l.message))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "[FIRING:1] NakamaWardenServiceDown e  Bcc: x@y    u") || message.Header.Get("Bcc") != "" {
		t.Errorf("subject %q, %v; headers %v", subject, err, message.Header)
	}
	plain, html := parts(t, message)
	if !strings.Contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;") || strings.Contains(html, "<script>") || len(html) > 64<<10 {
		t.Errorf("HTML of %d bytes: %.2000s", len(html), html)
	}
	if !strings.HasPrefix(plain, "<script>alert(1)</script>  .  {{ .X }} Bcc: y@x") || len(plain) > 2*longestAnnotation {
		t.Errorf("text of %d bytes: %.200q", len(plain), plain)
	}
}

// parts returns the alternatives of a message.
func parts(t testing.TB, message *mail.Message) (plain, html string) {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for reader := multipart.NewReader(message.Body, parameters["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return plain, html
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			html = string(text)
		} else {
			plain = string(text)
		}
	}
}

func TestMailTroubles(t *testing.T) {
	for _, test := range []struct {
		name, command, reply string
		retry                bool
		says                 string
	}{
		{"hangs at once", "greeting", "", true, "context deadline exceeded"},
		{"hangs later", "DATA.", "", true, "context deadline exceeded"},
		{"busy", "MAIL", "451 later", true, "451"},
		{"no such recipient", "RCPT", "550 5.1.1 nobody\x01 here", false, "5.1.1 nobody"},
		{"does not like the text", "DATA.", "554 spam", false, "spam"},
		{"wrong password", "AUTH", "535 no", true, "535"},
		{"garbage", "greeting", "HTTP/1.1 400 Bad Request", true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serveMail(t, map[string]string{test.command: test.reply})
			r := s.receiver(t, ", auth_username: warden, auth_password: pa55word")
			limit := 5 * time.Second
			if test.reply == "" {
				limit = 200 * time.Millisecond
			}
			retry, answer, err := r.Deliver(within(t, limit), []status.Alert{firing("ServiceDown", "nakama.service")})
			if err == nil || retry != test.retry || !strings.Contains(answer, test.says) || strings.Contains(answer, "pa55word") {
				t.Errorf("retry %t, answer %q, %v", retry, answer, err)
			}
		})
	}

	s := serveMail(t, nil)
	r := mustBuild(t, "[{name: a, email_configs: [{to: o@x, from: w@x, smarthost: '"+s.address+"'}]}]")[0]
	if retry, answer, err := r.Deliver(t.Context(), []status.Alert{firing("Drift", "")}); err == nil || !retry || !strings.Contains(answer, s.address) {
		t.Errorf("without TLS: %t, %q, %v", retry, answer, err)
	}
}

// A password goes in clear text to this host only, as if there were no relay.
func TestRelayHost(t *testing.T) {
	for server, want := range map[string]string{"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "127.0.0.1", "127.0.0.2": "127.0.0.2", "mail.example.org": "127.0.0.2"} {
		if got := relayHost(server); got != want {
			t.Errorf("%s by %s, want %s", server, got, want)
		}
	}
	s := serveMail(t, nil)
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.address = net.JoinHostPort("::ffff:127.0.0.1", port) // the same server by a name that says nothing of this host
	r := s.receiver(t, ", auth_username: warden, auth_password: pa55word")
	if retry, answer, err := r.Deliver(t.Context(), []status.Alert{firing("Drift", "")}); err == nil || !retry || !strings.Contains(answer, "unencrypted connection") {
		t.Errorf("%t, %q, %v", retry, answer, err)
	}
}

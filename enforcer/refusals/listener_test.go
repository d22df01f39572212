package refusals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever is refused is heard of, with the address, port and protocol that it used.
func TestARefusedConnectionIsHeardOf(t *testing.T) {
	f := newField(t)
	f.refuse(t, "tcp dport 7351 LOG nakama-console", "udp dport 7351 LOG voice")
	heard := f.listen(t)
	for _, six := range []bool{false, true} {
		to := netip.AddrPortFrom(f.host.Addr(six), 7351)
		for _, want := range []Refusal{
			{Service: "nakama-console", Protocol: "tcp"},
			{Service: "voice", Protocol: "udp"},
		} {
			want.Verdict, want.Source, want.Port = Refused, f.player.Addr(six), 7351
			if want.Protocol == "udp" {
				send(t, f.player, to, 10)
			} else {
				f.player.Reach(t.Context(), to, 100*time.Millisecond)
			}
			got := next(t, heard)
			if age := time.Since(got.Time); age < 0 || age > patience {
				t.Errorf("refused at %s, %s ago", got.Time, age)
			}
			got.Time = time.Time{}
			if got != want {
				t.Errorf("heard %+v; want %+v", got, want)
			}
		}
	}
}

// The kernel holds refusals back to send them together; never for more than a second.
func TestRefusalsComeInBatchesAndSoon(t *testing.T) {
	f := newField(t)
	openAt(t, f.host)
	var line string
	if err := f.host.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_log")
		line = string(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var number, port, queued, mode, size, hundredths, users int
	if _, err := fmt.Sscan(line, &number, &port, &queued, &mode, &size, &hundredths, &users); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if number != group || mode != copyPacket || size != 96 || hundredths <= 0 || hundredths > 100 {
		t.Errorf("group %d copies %d bytes in mode %d and waits %d/100 s", number, size, mode, hundredths)
	}
}

func TestFragmentsHaveASource(t *testing.T) {
	f := newField(t)
	f.refuse(t, "udp dport 9999 LOG first", "ip frag-off & 0x1fff != 0 LOG later", "exthdr frag exists LOG later")
	heard := f.listen(t)
	for _, six := range []bool{false, true} {
		send(t, f.player, netip.AddrPortFrom(f.host.Addr(six), 9999), 2000) // two fragments
		for _, want := range []Refusal{{Service: "first", Port: 9999}, {Service: "later"}} {
			got := next(t, heard)
			if got.Service != want.Service || got.Port != want.Port || got.Source != f.player.Addr(six) || got.Protocol != "udp" {
				t.Errorf("heard %+v; want service %s and port %d of %s", got, want.Service, want.Port, f.player.Addr(six))
			}
		}
	}
}

func TestShortPacketsHaveASource(t *testing.T) {
	f := newField(t)
	f.refuse(t, "meta l4proto tcp LOG short", "meta l4proto 253 LOG strange")
	heard := f.listen(t)
	for _, six := range []bool{false, true} {
		for _, c := range []struct {
			protocol int
			payload  string
			service  string
			want     Refusal
		}{
			{unix.IPPROTO_TCP, "\x00\x01\x1c", "short", Refusal{Protocol: "tcp"}},
			{unix.IPPROTO_TCP, "\x00\x01\x1c\xb7", "short", Refusal{Protocol: "tcp", Port: 7351}},
			{253, "\x00\x01\x1c\xb7\x00\x00\x00\x00", "strange", Refusal{Protocol: "253"}},
		} {
			sendRaw(t, f.player, f.host.Addr(six), c.protocol, []byte(c.payload))
			got := next(t, heard)
			if got.Service != c.service || got.Source != f.player.Addr(six) || got.Protocol != c.want.Protocol || got.Port != c.want.Port {
				t.Errorf("heard %+v; want %s of %s to port %d", got, c.want.Protocol, f.player.Addr(six), c.want.Port)
			}
		}
	}
}

// What others log to our group is theirs.
func TestForeignPrefixesAreLeftAlone(t *testing.T) {
	f := newField(t)
	f.refuse(t, fmt.Sprintf(`udp dport 1 log prefix "other" group %d drop`, group),
		fmt.Sprintf(`udp dport 2 log group %d drop`, group), "udp dport 3 LOG voice")
	heard := f.listen(t)
	for port := range uint16(3) {
		send(t, f.player, netip.AddrPortFrom(f.host.V4, port+1), 10)
	}
	if got := next(t, heard); got.Port != 3 {
		t.Errorf("heard %+v first; want only what came to port 3", got)
	}
}

func TestATakenGroupIsNamed(t *testing.T) {
	f := newField(t)
	first := openAt(t, f.host)
	_, err := Open(Options{NetNS: f.host.NetNS(), Group: group})
	if !errors.Is(err, ErrGroupTaken) || !strings.Contains(err.Error(), "9735") || !strings.Contains(err.Error(), "firewall.log_group") {
		t.Errorf("a second listener: %v; want the group and the key to change", err)
	}
	other, err := Open(Options{NetNS: f.host.NetNS(), Group: group + 1})
	if err != nil {
		t.Fatalf("another group: %v", err)
	}
	if err := errors.Join(other.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	openAt(t, f.host) // it was given back
}

func TestAMissingCapabilityIsNamed(t *testing.T) {
	f := newField(t)
	openAt(t, f.host) // taken as well: the capability is what is lacking first
	err := f.host.Do(func() error {
		// Of this thread only, which ends with Do.
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		if err := unix.Capget(&head, &caps[0]); err != nil {
			return err
		}
		caps[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err := unix.Capset(&head, &caps[0]); err != nil {
			return err
		}
		l, err := Open(Options{Group: group})
		if err == nil {
			return errors.Join(errors.New("opened"), l.Close())
		}
		return err
	})
	if err == nil || errors.Is(err, ErrGroupTaken) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("without CAP_NET_ADMIN: %v", err)
	}
}

func TestRunEnds(t *testing.T) {
	f := newField(t)
	l := openAt(t, f.host)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, func(Refusal) {}) }()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended by its context: %v", err)
	}

	l = openAt(t, newField(t).host)
	go func() { done <- l.Run(t.Context(), func(Refusal) {}) }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("ended by Close: no error")
	}
}

// A flood while nobody reads: the kernel goes on, and what it had no room for is counted to the last packet.
func TestAFloodIsLostByCount(t *testing.T) {
	const flood = 100_000
	f := newField(t)
	f.refuse(t, "udp dport 7351 LOG voice", "udp dport 7352 LOG last")
	l := openAt(t, f.host)
	f.flood(t, 7351, flood)

	all := make(chan Refusal, flood)
	run(t, l, func(r Refusal) { all <- r })
	heard, sent, last := 0, flood, false
	end := time.After(patience)
	again := time.NewTicker(100 * time.Millisecond) // what is lost at the end shows with the next refusal, once the buffer is empty
	defer again.Stop()
	for !last || heard+int(l.Lost()) < sent {
		select {
		case r := <-all:
			heard++
			last = last || r.Service == "last"
		case <-again.C:
			if !last {
				send(t, f.player, netip.AddrPortFrom(f.host.V4, 7352), 10)
				sent++
			}
		case <-end:
			t.Fatalf("of %d packets %d were heard of and %d lost; the rest is missing", sent, heard, l.Lost())
		}
	}
	lost := int(l.Lost())
	if lost == 0 {
		t.Error("nothing was lost: the flood was no flood")
	}
	if heard+lost != sent {
		t.Errorf("heard %d, lost %d; want %d in all", heard, lost, sent)
	}
	if counted := f.nft(t, "list counter inet refusing refused"); !strings.Contains(counted, fmt.Sprint("packets ", sent, " ")) {
		t.Errorf("the rule counted otherwise than what was sent, %d: %s", sent, counted)
	}
	t.Logf("of %d packets %d were heard of and %d lost", sent, heard, lost)
}

// flood sends so many datagrams from the player to a port.
func (f field) flood(t testing.TB, port uint16, packets int) {
	t.Helper()
	payload := bytes.Repeat([]byte{1}, 32)
	to := &unix.SockaddrInet4{Addr: f.host.V4.As4(), Port: int(port)}
	err := f.player.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for range packets {
			if err := unix.Sendto(fd, payload, 0, to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

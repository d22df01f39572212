// Command flood tries to get past the rules of this host from another network namespace, and counts how often it did.
//
// It listens here, on a TCP and a UDP port, and sends single packets from there: opening packets of connections, and
// datagrams. What counts is what arrives, so it is the same whether refusals are dropped or answered. Each line on
// standard input asks for the counts since the line before; the answer is one line "DATAGRAMS ARRIVED OPENINGS ACCEPTED".
package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	namespace := flag.String("from", "/run/netns/player", "the network namespace to send from")
	address := flag.String("to", "192.0.2.1", "the IPv4 address of this host to send to")
	tcp := flag.Int("tcp", 7351, "the TCP port")
	udp := flag.Int("udp", 9999, "the UDP port")
	flag.Parse()
	f := &flood{address: net.ParseIP(*address).To4(), tcp: *tcp, udp: *udp}
	if err := f.run(*namespace); err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(1)
	}
}

// flood is both ends of the traffic. Its loops end with the process.
type flood struct {
	address  net.IP
	tcp, udp int

	datagrams, arrived, openings, accepted atomic.Uint64
}

func (f *flood) run(namespace string) error {
	listener, err := net.Listen("tcp4", fmt.Sprintf(":%d", f.tcp))
	if err != nil {
		return err
	}
	receiver, err := net.ListenUDP("udp4", &net.UDPAddr{Port: f.udp})
	if err != nil {
		return err
	}
	go f.accept(listener)
	go f.receive(receiver)
	failed := make(chan error, 1)
	go func() { failed <- f.send(namespace) }()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			fmt.Println(f.datagrams.Swap(0), f.arrived.Swap(0), f.openings.Swap(0), f.accepted.Swap(0))
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-asked:
		return nil
	}
}

func (f *flood) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		f.accepted.Add(1)
		_ = conn.Close() // it has told what there was to tell
	}
}

func (f *flood) receive(receiver *net.UDPConn) {
	buffer := make([]byte, 64)
	for {
		if _, _, err := receiver.ReadFrom(buffer); err != nil {
			return
		}
		f.arrived.Add(1)
	}
}

// A tick and what is sent in it: some 20,000 packets a second leave the machine time for what is tested.
const (
	tick      = time.Millisecond
	datagrams = 20
)

// pending is how many openings wait for an answer. They are given up before a second is over, after which the kernel
// would repeat them: each counts once.
const pending = 50

// send sends from the namespace. Its thread stays there and ends with it.
func (f *flood) send(namespace string) error {
	runtime.LockOSThread()
	there, err := os.Open(namespace)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", namespace, err)
	}
	sender, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	var waiting [pending]int
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for round := 0; ; round++ {
		<-ticker.C
		for range datagrams {
			if unix.Sendto(sender, []byte("x"), 0, f.at(f.udp)) == nil {
				f.datagrams.Add(1)
			}
		}
		slot := &waiting[round%pending]
		if *slot > 0 {
			_ = unix.Close(*slot) // resets it, or gives it up
		}
		if *slot, err = f.open(); err != nil {
			return err
		}
	}
}

// open sends the opening packet of a connection and does not wait for the answer.
func (f *flood) open() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	// Without lingering no port is kept for a minute, and so ports do not run out.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return fd, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Connect(fd, f.at(f.tcp)); err == nil || err == unix.EINPROGRESS {
		f.openings.Add(1)
	}
	return fd, nil
}

func (f *flood) at(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte(f.address)}
}

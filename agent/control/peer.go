package control

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

// Credentials tell who is at the other end of the socket, as the kernel recorded it when it connected.
type Credentials struct {
	PID int
	UID uint32
	GID uint32
}

type peerKey struct{}

// Peer returns who asked, in the context that a Backend is given by Serve.
func Peer(ctx context.Context) (Credentials, bool) {
	peer, ok := ctx.Value(peerKey{}).(Credentials)
	return peer, ok
}

func withPeer(ctx context.Context, conn net.Conn) context.Context {
	peer, known := credentialsOf(conn)
	if !known {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

func credentialsOf(conn net.Conn) (Credentials, bool) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return Credentials{}, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Credentials{}, false
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || failed != nil {
		return Credentials{}, false
	}
	return Credentials{PID: int(cred.Pid), UID: cred.Uid, GID: cred.Gid}, true
}

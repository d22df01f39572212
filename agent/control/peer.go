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
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || failed != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, Credentials{PID: int(cred.Pid), UID: cred.Uid, GID: cred.Gid})
}

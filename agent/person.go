package agent

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/nakama-warden/nakama-warden/agent/control"
)

// noLogin is the login user id of processes that no login started, as the kernel writes it: (uid_t)−1.
const noLogin = "4294967295"

// by names the person who asked: whoever logged in, also behind sudo, else the user of the process. Empty where nobody
// asked over the socket.
func by(ctx context.Context) string {
	peer, known := control.Peer(ctx)
	if !known {
		return ""
	}
	return loginOf(int(peer.PID), int(peer.UID))
}

// Self names the person who runs this process, for what it does without asking a daemon.
func Self() string { return loginOf(os.Getpid(), os.Getuid()) }

func loginOf(pid, uid int) string {
	login, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", pid))
	if uid := strings.TrimSpace(string(login)); err == nil && uid != noLogin {
		return userName(uid)
	}
	return userName(fmt.Sprint(uid))
}

// byText is by as the end of a sentence.
func byText(ctx context.Context) string {
	if name := by(ctx); name != "" {
		return " by " + name
	}
	return ""
}

func userName(uid string) string {
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}

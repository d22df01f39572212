package docker

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// patience is how long a step may take on a busy machine; interval is how often it is asked for.
const (
	patience = 60 * time.Second
	interval = 100 * time.Millisecond
)

// engine is a Docker daemon on a host of the lab.
type engine struct {
	*lab.Host
	root, socket string
	group        string // the cgroup of its containers
}

// startEngine starts the daemon of the unpacked packages. All it writes lies in a folder of the test.
func startEngine(t *testing.T, h *lab.Host) *engine {
	t.Helper()
	dir := t.TempDir()
	e := &engine{Host: h, root: os.Getenv(rootVariable), socket: filepath.Join(dir, "docker.sock"),
		group: fmt.Sprintf("/nakama-warden-test-%s", h.Name)}
	e.forwardPackets(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the daemon has its own descriptor
	cmd := exec.Command(filepath.Join(e.root, "usr/sbin/dockerd"), "--data-root", dir+"/data", "--exec-root", dir+"/exec",
		"--pidfile", dir+"/pid", "-H", "unix://"+e.socket, "--storage-driver", "vfs", "--cgroup-parent", e.group,
		"--experimental", "--ip6tables", "--ipv6", "--fixed-cidr-v6", "fd00:d0c::/64")
	cmd.Env, cmd.Stdout, cmd.Stderr = e.environment(), log, log
	daemon, err := h.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.stop(t, daemon)
		_ = unix.Unmount(dir+"/data", unix.MNT_DETACH) // where dockerd has not done so itself
		if t.Failed() {
			text, err := os.ReadFile(log.Name())
			t.Logf("dockerd's log: %v\n%s", err, tail(string(text)))
		}
	})
	eventually(t, "dockerd answers", func() string {
		if out, err := e.command(t.Context(), "version").CombinedOutput(); err != nil {
			return fmt.Sprintf("%v: %s", err, out)
		}
		return ""
	})
	return e
}

// stop ends the containers, then the daemon, and gives their control groups back.
func (e *engine) stop(t *testing.T, daemon *lab.Process) {
	t.Helper()
	if ids := strings.Fields(e.docker(t, "ps", "-aq")); len(ids) > 0 {
		e.docker(t, append([]string{"rm", "-f"}, ids...)...)
	}
	if err := daemon.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case <-daemon.Done():
	case <-time.After(patience):
		t.Errorf("dockerd still runs %s after SIGTERM", patience)
	}
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		groups, err := filepath.Glob(hierarchy + e.group)
		if err != nil {
			t.Error(err)
		}
		for _, group := range groups {
			if err := os.Remove(group); err != nil {
				t.Error(err)
			}
		}
	}
}

// forwardPackets: what arrives for a container must be routed. dockerd does that for IPv4 only.
func (e *engine) forwardPackets(t *testing.T) {
	t.Helper()
	err := e.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/all/forwarding", []byte("1"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment leads to the unpacked packages.
func (e *engine) environment() []string {
	libraries := filepath.Join(e.root, "usr/lib", multiarch(e.root))
	return append(os.Environ(),
		"PATH="+strings.Join([]string{e.root + "/links", e.root + "/usr/sbin", e.root + "/usr/bin", os.Getenv("PATH"), "/usr/sbin", "/sbin"}, ":"),
		"LD_LIBRARY_PATH="+libraries, "XTABLES_LIBDIR="+filepath.Join(libraries, "xtables"))
}

func multiarch(root string) string {
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return filepath.Base(found[0])
}

func (e *engine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(e.root, "usr/bin/docker"), append([]string{"-H", "unix://" + e.socket}, args...)...)
	cmd.Env = e.environment()
	return cmd
}

// docker runs the client, also while the test cleans up.
func (e *engine) docker(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	out, err := e.command(ctx, args...).CombinedOutput()
	if err != nil {
		t.Errorf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// image makes an image that holds nothing but the server, under the name that its process shall have.
func (e *engine) image(t *testing.T, name string) {
	t.Helper()
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(pack(writer, os.Getenv(serverVariable), name)) }()
	cmd := e.command(t.Context(), "import", "-", name)
	cmd.Stdin = reader
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("import image %s: %v\n%s", name, err, out)
	}
}

func pack(to io.Writer, program, name string) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	return archive.Close()
}

// run starts a container of an image whose server listens on the ports.
func (e *engine) run(t *testing.T, image, ports string, options ...string) {
	t.Helper()
	args := append([]string{"run", "-d"}, options...)
	args = append(append(args, image, "/"+image), strings.Fields(ports)...)
	e.docker(t, args...)
	if t.Failed() {
		t.FailNow()
	}
}

// guard starts the daemon with a configuration and waits until the rules were read back.
func guard(t *testing.T, h *lab.Host, configuration string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(os.Getenv(programVariable), "run", "--config", config, "--state", filepath.Join(dir, "state"))
	cmd.Stdout, cmd.Stderr = log, log
	if _, err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, err := os.ReadFile(log.Name())
			t.Logf("nakama-warden's log: %v\n%s", err, tail(string(text)))
		}
	})
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return h.Dial(ctx, loopback)
	}}}
	eventually(t, "the rules are read back", func() string {
		answer, err := client.Get("http://" + loopback.String() + "/-/ready")
		if err != nil {
			return err.Error()
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return answer.Status
		}
		return ""
	})
}

// eventually asks until the answer is empty; any other says what is still missing.
func eventually(t *testing.T, what string, ask func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(interval)
	defer again.Stop()
	for {
		missing := ask()
		if missing == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s until %s: %s", patience, what, missing)
		case <-again.C:
		}
	}
}

func tail(text string) string {
	const most = 4000
	return text[max(0, len(text)-most):]
}

package docker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nakama-warden/nakama-warden/test/lab"
)

// What was prepared outside, where there is a network, is handed inside by these variables.
const (
	rootVariable    = "DOCKER_TEST_ROOT"    // the unpacked packages
	serverVariable  = "DOCKER_TEST_SERVER"  // the static server for images
	programVariable = "DOCKER_TEST_PROGRAM" // nakama-warden
	lackVariable    = "DOCKER_TEST_LACK"    // why there is nothing to test with
)

func TestMain(m *testing.M) {
	os.Exit(prepared(m.Run))
}

// prepared runs the tests in namespaces of their own. It is called twice: outside, where it prepares, and inside.
func prepared(run func() int) int {
	isolated := func([]net.Listener) int { return run() }
	_, inside := os.LookupEnv(rootVariable)
	if !inside {
		dir, err := os.MkdirTemp("", "docker-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		lack := ""
		if err := fetch(dir); err != nil {
			lack = err.Error()
		} else if err := build(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		for variable, value := range map[string]string{
			rootVariable: filepath.Join(dir, "root"), serverVariable: filepath.Join(dir, "server"),
			programVariable: filepath.Join(dir, "nakama-warden"), lackVariable: lack,
		} {
			if err := os.Setenv(variable, value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	code, err := lab.Isolate(0, isolated)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// needEngine skips where the engine cannot be had, and says why.
func needEngine(t *testing.T) {
	t.Helper()
	if lack := os.Getenv(lackVariable); lack != "" {
		t.Skip(lack)
	}
}

// fetch gets the engine, or says what is lacking for that.
func fetch(dir string) error {
	if os.Getuid() != 0 {
		return errors.New("needs root: a container engine makes control groups and mounts")
	}
	for _, program := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("needs %s: the engine is taken from Debian's packages", program)
		}
	}
	if err := unpack(dir); err != nil {
		return fmt.Errorf("needs Debian's packages of Docker: %w", err)
	}
	return nil
}

func build(dir string) error {
	for program, source := range map[string]string{
		"server": "github.com/nakama-warden/nakama-warden/test/docker/server", "nakama-warden": "github.com/nakama-warden/nakama-warden/cmd/nakama-warden",
	} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, program), source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return nil
}

// unpack fetches the engine and unpacks it into a folder: nothing is installed.
func unpack(dir string) error {
	packages, root := filepath.Join(dir, "packages"), filepath.Join(dir, "root")
	links := filepath.Join(root, "links")
	for _, folder := range []string{packages, links} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	download := exec.Command("apt-get", "-o", "APT::Sandbox::User=root", "download", "docker.io", "containerd", "runc", "iptables", "libip4tc2", "libip6tc2",
		"libxtables12", "libnftnl11", "libnfnetlink0", "libnetfilter-conntrack3")
	download.Dir = packages
	if out, err := download.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get download: %w\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(packages, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if out, err := exec.Command("dpkg", "-x", file, root).CombinedOutput(); err != nil {
			return fmt.Errorf("dpkg -x: %w\n%s", err, out)
		}
	}
	for name, program := range map[string]string{"iptables": "iptables-nft", "ip6tables": "ip6tables-nft"} {
		if err := os.Symlink(filepath.Join(root, "usr/sbin", program), filepath.Join(links, name)); err != nil {
			return err
		}
	}
	return nil
}

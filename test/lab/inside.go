package lab

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstDoor is the descriptor of the first door: those below are standard input, output and error.
const firstDoor = 3

// firstProcess is the life of process 1 of the pid namespace: prepare the namespaces, start the program, pass signals
// on, reap orphans until the program ends. All that still runs then is killed by the kernel.
func firstProcess(doors int) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn()...)
	if err := furnish(); err != nil {
		return 0, err
	}
	files := make([]*os.File, firstDoor+doors)
	for fd := range files {
		files[fd] = os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
	}
	program, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Env: os.Environ(), Files: files})
	if err != nil {
		return 0, fmt.Errorf("start the program inside: %w", err)
	}
	go func() {
		for s := range signals {
			_ = program.Signal(s) // an error means that it has ended, and so does this process
		}
	}()
	return reap(program.Pid)
}

// reap waits for every child, most of them orphans of others, until the program ends.
func reap(program int) (int, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, fmt.Errorf("wait for the program inside: %w", err)
		case pid == program:
			return exitCode(syscall.WaitStatus(status)), nil
		}
	}
}

// furnish gives the namespaces what programs expect: a /proc of their own pids, and a loopback that is up. Without it
// the Go runtime would conclude, once and for ever, that there is no IPv6.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w%s", err, remedy(err))
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w: where parts of /proc are hidden, as in a container, only its full root may mount another", err)
	}
	return prepareThread()
}

// Scratch covers a directory with an empty file system in memory and returns it. It is seen by the programs inside
// only, and gone with them.
func Scratch() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("make scratch space: %w", err)
	}
	workingDirectory, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("make scratch space: %w", err)
	}
	candidates := []string{"/mnt", "/media", "/srv", "/run"}
	for _, dir := range candidates {
		if within(program, dir) || within(workingDirectory, dir) {
			continue
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
			return "", fmt.Errorf("make scratch space: mount tmpfs on %s: %w", dir, err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("make scratch space: none of %s can be covered", strings.Join(candidates, ", "))
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(filepath.Separator))
}

// listenOutside opens the doors, still on the network that is about to be left: a socket stays where it was made.
func listenOutside(doors int) ([]*os.File, error) {
	var files []*os.File
	for range doors {
		listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, fmt.Errorf("open a door: %w", err)
		}
		file, err := listener.File()
		listener.Close()
		if err != nil {
			return nil, fmt.Errorf("open a door: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// openDoors takes over the listeners that were inherited. A program that runs in another's isolation inherited none
// and gets doors to that.
func openDoors(doors int) ([]net.Listener, error) {
	var listeners []net.Listener
	for i := range doors {
		var listener net.Listener
		var err error
		if os.Getppid() == 1 {
			file := os.NewFile(uintptr(firstDoor+i), "door")
			listener, err = net.FileListener(file)
			file.Close()
		} else {
			listener, err = net.Listen("tcp4", "127.0.0.1:0")
		}
		if err != nil {
			return nil, fmt.Errorf("take over a door: %w", err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// idMap maps one user or group of the machine to root inside.
func idMap(id int) []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
}

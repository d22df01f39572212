// Command overflow fills the receive buffers of a process's nftables sockets until the kernel drops what it has to say.
//
//	overflow PID
//
// It borrows the sockets themselves (pidfd_getfd), asks the kernel more than fits on each, and reads no answer. It prints
// how many sockets dropped one, and fails if none did. Stop the process meanwhile: it would read the answers.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	overflowed, err := overflow(os.Args[1:])
	if err == nil && overflowed == 0 {
		err = errors.New("no socket dropped anything")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overflow:", err)
		os.Exit(1)
	}
	fmt.Println(overflowed)
}

func overflow(arguments []string) (int, error) {
	if len(arguments) != 1 {
		return 0, errors.New("want one argument, the PID")
	}
	pid, err := strconv.Atoi(arguments[0])
	if err != nil {
		return 0, err
	}
	before, err := drops()
	if err != nil {
		return 0, err
	}
	overflowed := map[string]bool{}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, os.NewSyscallError("pidfd_open", err)
	}
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return 0, err
	}
	for _, path := range descriptors {
		inode, _ := os.Readlink(path) // gone: nothing of ours
		if _, ours := before[inode]; !ours {
			continue
		}
		fd, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			return 0, err
		}
		if err := fill(process, fd); err != nil {
			return 0, err
		}
		after, err := drops()
		if err != nil {
			return 0, err
		}
		if after[inode] > before[inode] {
			overflowed[inode] = true
		}
	}
	return len(overflowed), nil
}

// questions is more than any buffer has room for answers.
const questions = 10_000

// fill asks for the generation of the ruleset, again and again: the shortest question that the kernel answers to the
// socket that asked.
func fill(process, descriptor int) error {
	fd, err := unix.PidfdGetfd(process, descriptor, 0)
	if err != nil {
		return os.NewSyscallError("pidfd_getfd", err)
	}
	defer unix.Close(fd)
	question := []byte{unix.NLMSG_HDRLEN + 4, 0, 0, 0, unix.NFT_MSG_GETGEN, unix.NFNL_SUBSYS_NFTABLES, unix.NLM_F_REQUEST, 0,
		0, 0, 0, 0, 0, 0, 0, 0, unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0}
	for range questions {
		err := unix.Sendto(fd, question, unix.MSG_DONTWAIT, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if errors.Is(err, unix.ENOBUFS) {
			return nil // the socket says so itself
		}
		if err != nil {
			return os.NewSyscallError("sendto", err)
		}
	}
	return nil
}

// The columns of /proc/net/netlink that matter here.
const (
	protocolColumn = 1
	dropsColumn    = 8
	inodeColumn    = 9
)

// drops counts what each nftables socket of this network namespace has lost, by the name it has in /proc/PID/fd.
func drops() (map[string]int, error) {
	file, err := os.Open("/proc/net/netlink")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lost := map[string]int{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) <= inodeColumn || columns[protocolColumn] != strconv.Itoa(unix.NETLINK_NETFILTER) {
			continue
		}
		n, err := strconv.Atoi(columns[dropsColumn])
		if err != nil {
			return nil, fmt.Errorf("/proc/net/netlink: drops: %w", err)
		}
		lost["socket:["+columns[inodeColumn]+"]"] = n
	}
	return lost, lines.Err()
}

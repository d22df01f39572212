package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
)

// serverReady is what a server says when it listens.
const serverReady = "ready\n"

// launch starts a server and waits until it listens.
func launch[P process](start func(*exec.Cmd) (P, error), program string, args ...string) (P, error) {
	var none P
	output, input, err := os.Pipe()
	if err != nil {
		return none, err
	}
	defer output.Close()
	var complaint bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), input, &complaint
	server, err := start(cmd)
	input.Close() // the server has its own; without ours its end is the end of the pipe
	if err != nil {
		return none, err
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil { // it says serverReady, or its end closes the pipe
		return none, fmt.Errorf("the server ended: %v %s", server.Wait(), bytes.TrimSpace(complaint.Bytes()))
	}
	return server, nil
}

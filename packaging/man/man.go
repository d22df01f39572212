// Command man writes the manual page of nakama-warden from what the program says about itself.
//
//	man PROGRAM VERSION DATE <EXTRA >nakama-warden.8
//
// The one idea: the help texts are the only place where a command is described. The program is asked for the help of each
// of its commands and the answers become one page of section 8; what no command says (files, capabilities) is read from
// standard input, already as roff.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := write(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%d arguments; want PROGRAM VERSION DATE", len(args))
	}
	program, version, date := args[0], args[1], args[2]
	extra, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read the end of the page: %w", err)
	}
	root, err := ask(ctx, program)
	if err != nil {
		return err
	}
	var commands []Help
	for _, command := range root.Commands {
		if command == "help" || command == "completion" {
			continue // cobra's own: their texts are of no use on paper
		}
		help, err := ask(ctx, program, command)
		if err != nil {
			return err
		}
		commands = append(commands, help)
	}
	_, err = io.WriteString(os.Stdout, Page(version, date, root, commands, string(extra)))
	return err
}

// ask returns what the program says about one command, or about itself.
func ask(ctx context.Context, program string, command ...string) (Help, error) {
	text, err := exec.CommandContext(ctx, program, append([]string{"help"}, command...)...).Output()
	if err != nil {
		return Help{}, fmt.Errorf("%s help %v: %w", program, command, err)
	}
	return Parse(string(text))
}

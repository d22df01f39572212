package main

import (
	"fmt"
	"slices"
	"strings"
)

// Page is the manual page. extra is roff and goes before the last section.
func Page(version, date string, root Help, commands []Help, extra string) string {
	var p strings.Builder
	fmt.Fprintf(&p, ".TH NAKAMA-WARDEN 8 %s %s %s\n", quoted(date), quoted("nakama-warden "+version), quoted("System Administration"))
	p.WriteString(".SH NAME\nnakama-warden \\- guard of Nakama and CockroachDB hosts\n")
	p.WriteString(".SH SYNOPSIS\n.B nakama-warden\n.I command\n[flags]\n.SH DESCRIPTION\n")
	p.WriteString(paragraphs(root.Description))
	p.WriteString(".SH COMMANDS\n")
	for _, command := range commands {
		p.WriteString(section(command))
	}
	p.WriteString(".SH OPTIONS\nEvery command takes these.\n")
	p.WriteString(flags(root.Flags))
	p.WriteString(extra)
	p.WriteString(".SH SEE ALSO\n.BR nft (8),\n.BR systemd (1)\n")
	return p.String()
}

// section describes one command.
func section(command Help) string {
	s := ".SS " + quoted(strings.TrimPrefix(command.Usage, "nakama-warden ")) + "\n" +
		paragraphs(command.Description) + flags(command.Flags)
	if len(command.Examples) > 0 {
		s += ".PP\n.EX\n"
		for _, line := range command.Examples {
			s += "  " + text(line) + "\n"
		}
		s += ".EE\n"
	}
	return s
}

// paragraphs parts a text at its empty lines; within a paragraph roff breaks the lines.
func paragraphs(description string) string {
	var out []string
	for paragraph := range strings.SplitSeq(description, "\n\n") {
		lines := slices.Collect(strings.SplitSeq(strings.TrimSpace(paragraph), "\n"))
		for i := range lines {
			lines[i] = text(strings.TrimSpace(lines[i]))
		}
		out = append(out, strings.Join(lines, "\n")+"\n")
	}
	return strings.Join(out, ".PP\n")
}

func flags(flags []Flag) string {
	var s strings.Builder
	for _, f := range flags {
		fmt.Fprintf(&s, ".TP\n.B %s\n%s\n", text(f.Name), text(f.Does))
	}
	return s.String()
}

// text makes a line mean itself: no escapes, no requests, and hyphens that can be copied.
func text(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", `\[u2026]`, "–", `\[en]`, "—", `\[em]`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}

// quoted is an argument of a request.
func quoted(argument string) string {
	return `"` + strings.ReplaceAll(text(argument), `"`, `\(dq`) + `"`
}

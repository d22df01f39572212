package paths

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
)

// legacyTables names the loaded tables of iptables-legacy, IPv4 or IPv6. The file is absent where its module is.
func legacyTables(proc string, six bool) ([]string, error) {
	name := "ip_tables_names"
	if six {
		name = "ip6_tables_names"
	}
	text, err := os.ReadFile(filepath.Join(proc, "thread-self/net", name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		err = rootsAlone{fs.ErrPermission} // the same of both families
	}
	return strings.Fields(string(text)), err
}

// rootsAlone is the refusal of what a daemon without CAP_DAC_READ_SEARCH never sees: root looks by hand.
type rootsAlone struct{ error }

func (r rootsAlone) Unwrap() error { return r.error }

// legacyHasNone is asked where the names of the tables are not readable (they are root's alone): a table whose module is
// not loaded is not there. kind is one such as "nat"; "" is any. What is part of the kernel itself is not listed among
// the modules.
func legacyHasNone(proc string, six bool, kind string) bool {
	tables, table := "ip_tables ", "iptable_"+kind
	if six {
		tables, table = "ip6_tables ", "ip6table_"+kind
	}
	text, err := os.ReadFile(filepath.Join(proc, "modules"))
	if err != nil {
		return false
	}
	isModule, loaded := false, false
	for module := range strings.Lines(string(text)) {
		isModule = isModule || strings.HasPrefix(module, tables)
		loaded = loaded || strings.HasPrefix(module, table)
	}
	return isModule && !loaded
}

// legacyTranslations are those of iptables-legacy.
func (l *look) legacyTranslations(ctx context.Context) []translation {
	var all []translation
	for _, six := range []bool{false, true} {
		tables, err := legacyTables(l.opts.Proc, six)
		if err != nil && !legacyHasNone(l.opts.Proc, six, "nat") {
			l.problem("look for NAT rules of iptables-legacy", err)
		}
		if !slices.Contains(tables, "nat") {
			continue
		}
		text, err := l.opts.RunLegacySave(ctx, six)
		if err != nil {
			l.problems = append(l.problems, fmt.Sprintf("NAT rules of iptables-legacy cannot be read: %v (the package iptables has the program; or move the rules to nftables)", err))
			continue
		}
		saved := parseSave(string(text))
		saved.six = six
		all = append(all, saved.translations()...)
		l.problems = append(l.problems, saved.problems...)
		for _, chain := range saved.chains {
			l.chainNames = append(l.chainNames, chainName{legacyFamily(six), "nat", chain})
		}
	}
	return all
}

func legacyFamily(six bool) nftables.TableFamily {
	if six {
		return nftables.TableFamilyIPv6
	}
	return nftables.TableFamilyIPv4
}

// runLegacySave is the program of that name. It inherits the network namespace of the calling thread.
func runLegacySave(ctx context.Context, six bool) ([]byte, error) {
	program := "iptables-legacy-save"
	if six {
		program = "ip6tables-legacy-save"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		path = filepath.Join("/usr/sbin", program) // often missing in the PATH of services
	}
	return exec.CommandContext(ctx, path, "-t", "nat").Output()
}

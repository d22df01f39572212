package application

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Caches are the two large consumers of a CockroachDB's memory, in bytes.
type Caches struct {
	Cache     uint64 // --cache: the storage engine's
	SQLMemory uint64 // --max-sql-memory
}

// CockroachFlags reads --cache and --max-sql-memory from a command line, argv[0] being the program. Memory is what binds
// the node (a cgroup's limit, else the host's), of which percentages are taken; 0 is unknown.
//
// What is not given has CockroachDB's defaults (its pkg/cli/cliflags): 128 MiB of cache and 25 % of memory for SQL.
func CockroachFlags(argv []string, memory uint64) (Caches, error) {
	cache, err := flagBytes(argv, "cache", "128MiB", memory)
	if err != nil {
		return Caches{}, err
	}
	sql, err := flagBytes(argv, "max-sql-memory", "25%", memory)
	if err != nil {
		return Caches{}, err
	}
	return Caches{Cache: cache, SQLMemory: sql}, nil
}

// Misconfigured says why the caches do not fit the memory, or nothing. The rule is CockroachDB's own (Production
// checklist): SQL may need twice its budget while the garbage collector is behind, and a fifth is for all the rest.
func (c Caches) Misconfigured(memory uint64) string {
	needed := 2*float64(c.SQLMemory) + float64(c.Cache)
	if memory == 0 || needed <= 0.8*float64(memory) {
		return ""
	}
	return fmt.Sprintf("2 × --max-sql-memory (%s) + --cache (%s) are %.0f %% of the %s of memory, more than 80 %%: lower them, e.g. to .25 each",
		gigabytes(c.SQLMemory), gigabytes(c.Cache), 100*needed/float64(memory), gigabytes(memory))
}

func gigabytes(n uint64) string { return fmt.Sprintf("%.2f GB", float64(n)/1e9) }

func flagBytes(argv []string, name, standard string, memory uint64) (uint64, error) {
	value, given := flagValue(argv, name)
	if !given {
		value = standard
	}
	n, err := parseBytes(value, memory)
	if err != nil {
		return 0, fmt.Errorf("--%s=%.40q: %w", name, value, err)
	}
	return n, nil
}

// flagValue finds --NAME=VALUE or --NAME VALUE; the last one counts.
func flagValue(argv []string, name string) (value string, given bool) {
	for i, arg := range argv {
		if arg == "--" {
			break
		}
		if arg == "--"+name && i+1 < len(argv) {
			value, given = argv[i+1], true
		} else if rest, found := strings.CutPrefix(arg, "--"+name+"="); found {
			value, given = rest, true
		}
	}
	return value, given
}

// parseBytes reads 128MiB, 1GB, 1.5 g, 268435456, and of the memory 25% or .25. CockroachDB takes whole percents and rounds
// down; the difference is less than the rule's.
func parseBytes(value string, memory uint64) (uint64, error) {
	if percent, found := strings.CutSuffix(value, "%"); found {
		return share(percent, 0.01, memory)
	}
	if strings.HasPrefix(strings.TrimPrefix(value, "0"), ".") && strings.Trim(value, "0123456789.") == "" {
		return share(value, 1, memory)
	}
	split := len(value) - len(strings.TrimLeft(value, "0123456789.,"))
	number, err := strconv.ParseFloat(strings.ReplaceAll(value[:split], ",", ""), 64)
	factor, known := multiple(value[split:])
	bytes := number * factor
	if err != nil || !known || bytes > maxValue {
		return 0, errors.New("want bytes, as 1GiB, or a share of the memory, as 25% or .25")
	}
	return uint64(bytes), nil
}

func share(number string, of float64, memory uint64) (uint64, error) {
	ratio, err := strconv.ParseFloat(number, 64)
	ratio *= of
	if err != nil || !(ratio >= 0.01 && ratio < 1) { // not a number fails both
		return 0, errors.New("want a share from 1% to 99%")
	}
	if memory == 0 || memory > maxValue {
		return 0, errors.New("a share of a memory that is not known")
	}
	return uint64(math.Round(ratio * float64(memory))), nil
}

// multiple is the size of a unit: kB is 1000, KiB is 1024, and the B may be left out.
func multiple(unit string) (float64, bool) {
	unit = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(unit)), "b")
	thousand := 1000.0
	if rest, binary := strings.CutSuffix(unit, "i"); binary {
		if unit, thousand = rest, 1024; unit == "" {
			return 0, false
		}
	}
	power := strings.Index("kmgtpe", unit) + 1
	switch {
	case unit == "":
		return 1, true
	case len(unit) > 1 || power == 0:
		return 0, false
	}
	return math.Pow(thousand, float64(power)), true
}

package collector

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// readVital reads what is cheap, of a process that may vanish: about 15 µs (facts).
func readVital(proc string, pid int) vital {
	var v vital
	var stat unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("%s/%d/fd", proc, pid), &stat); err == nil && stat.Size > 0 {
		v.descriptors = uint64(stat.Size)
	}
	if snmp, err := os.ReadFile(fmt.Sprintf("%s/%d/net/snmp", proc, pid)); err == nil {
		v.established, v.estabKnown = currEstab(snmp)
	}
	return v
}

// currEstab finds the number of established connections of a namespace: the value below the title CurrEstab.
func currEstab(snmp []byte) (uint64, bool) {
	var titles []byte
	for line := range bytes.Lines(snmp) {
		rest, tcp := bytes.CutPrefix(line, []byte("Tcp: "))
		switch {
		case !tcp:
		case titles == nil:
			titles = rest
		default:
			return valueOf(titles, rest, "CurrEstab")
		}
	}
	return 0, false
}

func valueOf(titles, values []byte, title string) (uint64, bool) {
	names, numbers := bytes.Fields(titles), bytes.Fields(values)
	for i, name := range names {
		if string(name) == title && i < len(numbers) {
			if n, err := strconv.ParseUint(string(numbers[i]), 10, 64); err == nil {
				return n, true
			}
		}
	}
	return 0, false
}

// resident is the memory of a process in bytes.
type resident struct{ total, anonymous, file uint64 }

// readResident reads /proc/PID/status: 4 µs, unlike smaps, which walks every page.
func readResident(proc string, pid int) (resident, error) {
	text, err := os.ReadFile(fmt.Sprintf("%s/%d/status", proc, pid))
	if err != nil {
		return resident{}, err
	}
	return parseResident(text), nil
}

func parseResident(text []byte) resident {
	var r resident
	into := map[string]*uint64{"VmRSS:": &r.total, "RssAnon:": &r.anonymous, "RssFile:": &r.file}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if value, wanted := into[string(fields[0])]; wanted {
			if kib, err := strconv.ParseUint(string(fields[1]), 10, 54); err == nil {
				*value = kib << 10
			}
		}
	}
	return r
}

package collector

import (
	"os"
	"strings"
	"testing"
)

const snmp = "Ip: Forwarding DefaultTTL\nIp: 1 64\n" +
	"Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens CurrEstab InSegs\nTcp: 1 200 120000 -1 7 12345 99\nUdp: InDatagrams\nUdp: 4\n"

func TestCurrEstab(t *testing.T) {
	tests := []struct {
		name, text string
		want       uint64
		known      bool
	}{
		{"as the kernel writes it", snmp, 12345, true},
		{"nothing", "", 0, false},
		{"no values", "Tcp: CurrEstab\n", 0, false},
		{"too few values", "Tcp: MaxConn CurrEstab\nTcp: -1\n", 0, false},
		{"another title", "Tcp: MaxConn\nTcp: 7\n", 0, false},
		{"less than none", "Tcp: CurrEstab\nTcp: -1\n", 0, false},
		{"no number", "Tcp: CurrEstab\nTcp: many\n", 0, false},
		{"too large", "Tcp: CurrEstab\nTcp: 99999999999999999999\n", 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, known := currEstab([]byte(test.text)); got != test.want || known != test.known {
				t.Errorf("%d, %v; want %d, %v", got, known, test.want, test.known)
			}
		})
	}
}

func TestParseResident(t *testing.T) {
	tests := []struct {
		name, text string
		want       resident
	}{
		{"as the kernel writes it", "Name:\tnakama\nVmPeak:\t 9 kB\nVmRSS:\t  966000 kB\nRssAnon:\t 915000 kB\nRssFile:\t   51000 kB\nRssShmem:\t 0 kB\n",
			resident{966000 << 10, 915000 << 10, 51000 << 10}},
		{"a process that has ended", "Name:\tnakama\nState:\tZ (zombie)\n", resident{}},
		{"nothing", "", resident{}},
		{"cut short", "VmRSS:\nRssAnon:", resident{}},
		{"no numbers", "VmRSS: much kB\nRssAnon: -1 kB\nRssFile: 18446744073709551615 kB\n", resident{}},
		{"a name that lies", "Name:\tVmRSS: 7 kB\nVmRSS:\t 4 kB\n", resident{total: 4 << 10}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := parseResident([]byte(test.text)); got != test.want {
				t.Errorf("%+v; want %+v", got, test.want)
			}
		})
	}
}

// TestReadVital asks the kernel about this process: what it says must change with what is done.
func TestReadVital(t *testing.T) {
	before := readVital("/proc", os.Getpid())
	if !before.estabKnown {
		t.Error("the number of established connections is not known")
	}
	const more = 50
	for range more {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	after := readVital("/proc", os.Getpid())
	if before.descriptors == 0 {
		t.Skip("this kernel does not tell the number of descriptors: it is older than 6.2")
	}
	if got := after.descriptors - before.descriptors; got != more {
		t.Errorf("%d more descriptors; want %d", got, more)
	}
	if got := readVital("/proc", 1<<22+1); got != (vital{}) {
		t.Errorf("of a process that is not there: %+v", got)
	}
}

func FuzzCurrEstab(f *testing.F) {
	f.Add([]byte(snmp))
	f.Add([]byte("Tcp: CurrEstab\nTcp: \x00\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, known := currEstab(text)
		if n != 0 && !known {
			t.Errorf("%d, and not known", n)
		}
		if known && !strings.Contains(string(text), "CurrEstab") {
			t.Error("known, of a text that does not tell")
		}
	})
}

func FuzzParseResident(f *testing.F) {
	f.Add([]byte("VmRSS:\t  966000 kB\nRssAnon:\t 915000 kB\nRssFile:\t   51000 kB\n"))
	f.Add([]byte("VmRSS: 18014398509481983 kB\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := parseResident(text)
		for _, n := range []uint64{r.total, r.anonymous, r.file} {
			if n%1024 != 0 {
				t.Errorf("%d bytes are no kibibytes: it overflowed", n)
			}
		}
	})
}

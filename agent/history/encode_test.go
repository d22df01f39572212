package history

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/status"
)

// sealed is a chunk with this body: its version before it, its checksum behind.
func sealed(body []byte) []byte {
	data := append([]byte{version}, body...)
	return binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

func numbers(all ...uint64) []byte {
	var data []byte
	for _, n := range all {
		data = binary.AppendUvarint(data, n)
	}
	return data
}

// filled is a chunk of a grain with something of everything: runs, gaps, the least and the most.
func filled(g grain, units int) *chunk {
	random := rand.New(rand.NewPCG(1, 2))
	c := newChunk(g, 480_000*g.seconds())
	for i := range units {
		u := make(unit, columns*g.steps)
		for j := range u {
			switch random.IntN(4) {
			case 0:
				u[j] = random.Uint64N(mostCell + 1)
			case 1:
				u[j] = mostCell * random.Uint64N(2)
			case 2:
				u[j] = u[max(0, j-1)]
			}
		}
		c.units[identity{fmt.Sprintf("nakama-%d.service", i), "nakama"}] = u
	}
	return c
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for _, g := range grains() {
		for _, units := range []int{0, 1, mostUnits} {
			want := filled(g, units)
			got, err := decode(want.encode())
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %d units: it differs, %v", g.name, units, err)
			}
		}
	}
}

func TestAConstantColumnIsAFewBytes(t *testing.T) {
	c := newChunk(grains()[0], 0)
	u := make(unit, columns*c.steps)
	for i := range u {
		u[i] = 1 << 40
	}
	c.units[identity{"n", "r"}] = u
	if size := len(c.encode()); size > 60 {
		t.Errorf("%d bytes", size)
	}
}

func TestZigzag(t *testing.T) {
	for _, n := range []int64{0, 1, -1, mostCell, -mostCell, math.MaxInt64, math.MinInt64} {
		if got := zagzig(zigzag(n)); got != n {
			t.Errorf("%d becomes %d", n, got)
		}
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	name := []byte("\x01n\x01r")
	head := func(units uint64) []byte { return numbers(10, 7200, units) }
	join := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return sealed(all)
	}
	empty := numbers(0, 360)
	good := join(head(1), name, empty, empty, empty, empty)
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	other := append([]byte{version + 1}, good[1:]...)
	flipped := append([]byte(nil), good...)
	flipped[4] ^= 1
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "too early"},
		{"a text", []byte("hello world"), "format 104"},
		{"another version", other, "another version of nakama-warden"},
		{"a flipped bit", flipped, "checksum"},
		{"cut", good[:len(good)-1], "checksum"},
		{"no head", sealed(nil), "too early"},
		{"a step that is not kept", join(numbers(11, 7200, 0)), "steps of 11 s"},
		{"a begin between chunks", join(numbers(10, 7201, 0)), "begins at 7201"},
		{"a begin after the last year", join(numbers(10, (latest/3600+1)*3600, 0)), "begins at"},
		{"too many units", join(head(65)), "65 units"},
		{"fewer units than said", join(head(2), name, empty, empty, empty, empty), "too early"},
		{"more than said", join(head(0), name), "4 bytes"},
		{"a unit twice", join(head(2), name, empty, empty, empty, empty, name, empty, empty, empty, empty), "twice"},
		{"a name longer than the rest", join(head(1), numbers(200), []byte("n")), "too early"},
		{"a name longer than any", join(head(1), numbers(256), []byte(strings.Repeat("n", 256)), []byte("\x01r"), empty, empty, empty, empty), "too early"},
		{"a run of none", join(head(1), name, numbers(0, 0)), "a run of 0"},
		{"a run beyond the end", join(head(1), name, numbers(zigzag(1), 0, 360)), "a run of 360 where 359"},
		{"less than nothing", join(head(1), name, numbers(zigzag(-1))), "cannot be"},
		{"more than can be", join(head(1), name, numbers(zigzag(mostCell), zigzag(1))), "cannot be"},
		{"a sum that overflows", join(head(1), name, numbers(zigzag(mostCell), zigzag(math.MaxInt64))), "cannot be"},
		{"a number without end", join(head(1), name, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), "too early"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := decode(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

// FuzzDecode seals what it is given, so that more than the checksum is tried.
func FuzzDecode(f *testing.F) {
	// Small ones: what is large is minimized for a minute before anything else is tried.
	for _, g := range grains() {
		c := newChunk(g, 30*g.seconds())
		c.note(c.start+20*g.step, []measurement{measure(nakama(100)), measure(status.Unit{Name: "cockroach", Memory: status.Memory{Resident: 1 << 30}})})
		c.note(c.start+21*g.step, []measurement{measure(nakama(90))})
		data := c.encode()
		f.Add(data[1 : len(data)-checksumSize])
	}
	f.Add(numbers(10, 7200, 1))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decode(body)
		c, err := decode(sealed(body))
		if err != nil {
			return
		}
		for id, u := range c.units {
			for _, cell := range u {
				if cell > mostCell {
					t.Fatalf("%v: %d", id, cell)
				}
			}
		}
		if again, err := decode(c.encode()); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("it differs when it is encoded again: %v", err)
		}
	})
}

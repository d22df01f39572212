package history

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
)

// version is the first byte of a chunk. What another version wrote is left out, unless decode learns to read it.
//
//	version, step, start, number of units, units, CRC-32 (IEEE, little-endian) of all that
//	unit: name, role, columns; a text is its length and its bytes
//	column: for each cell the zigzag of its difference to the one before, or 0 and how many times it is unchanged
//
// Numbers are unsigned varints.
const version = 1

const checksumSize = 4

func (c *chunk) encode() []byte {
	data := []byte{version}
	data = binary.AppendUvarint(data, uint64(c.step))
	data = binary.AppendUvarint(data, uint64(c.start))
	data = binary.AppendUvarint(data, uint64(len(c.units)))
	for _, id := range slices.SortedFunc(maps.Keys(c.units), identity.compare) {
		data = appendText(data, id.name)
		data = appendText(data, id.role)
		for column := range columns {
			data = appendColumn(data, c.units[id].column(column))
		}
	}
	data = binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
	return slices.Clip(data)
}

func (a identity) compare(b identity) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.role, b.role))
}

func appendText(data []byte, text string) []byte {
	return append(binary.AppendUvarint(data, uint64(len(text))), text...)
}

func appendColumn(data []byte, cells []uint64) []byte {
	var before uint64
	for i := 0; i < len(cells); {
		if cells[i] != before {
			data = binary.AppendUvarint(data, zigzag(int64(cells[i])-int64(before)))
			before = cells[i]
			i++
			continue
		}
		run := 1
		for i+run < len(cells) && cells[i+run] == before {
			run++
		}
		data = binary.AppendUvarint(append(data, 0), uint64(run))
		i += run
	}
	return data
}

func zigzag(difference int64) uint64 { return uint64(difference)<<1 ^ uint64(difference>>63) }
func zagzig(number uint64) int64     { return int64(number>>1) ^ -int64(number&1) }

var (
	errCut      = errors.New("it ends too early")
	errChecksum = errors.New("the checksum differs")
)

// decode reads an encoded chunk. It takes nothing for granted: what cannot be is an error.
func decode(data []byte) (*chunk, error) {
	switch {
	case len(data) <= checksumSize:
		return nil, errCut
	case data[0] != version:
		return nil, fmt.Errorf("format %d is not known: another version of nakama-warden wrote it", data[0])
	}
	body, sum := data[1:len(data)-checksumSize], data[len(data)-checksumSize:]
	if crc32.ChecksumIEEE(data[:len(data)-checksumSize]) != binary.LittleEndian.Uint32(sum) {
		return nil, errChecksum
	}
	r := &reader{rest: body}
	c, err := r.chunk()
	switch {
	case r.err != nil:
		return nil, r.err
	case err != nil:
		return nil, err
	case len(r.rest) > 0:
		return nil, fmt.Errorf("%d bytes are too many", len(r.rest))
	}
	return c, nil
}

// reader reads numbers and texts until one fails; after that everything is empty.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) chunk() (*chunk, error) {
	step, start, count := r.number(), r.number(), r.number()
	i := slices.IndexFunc(grains(), func(g grain) bool { return uint64(g.step) == step })
	if r.err != nil || i < 0 || start > latest || start%uint64(grains()[i].seconds()) != 0 || count > mostUnits {
		return nil, fmt.Errorf("a chunk of %d units with steps of %d s that begins at %d", count, step, start)
	}
	c := newChunk(grains()[i], int64(start))
	for range count {
		id := identity{name: r.text(), role: r.text()}
		if _, twice := c.units[id]; twice {
			return nil, fmt.Errorf("unit %q is in it twice", id.name)
		}
		u := make(unit, columns*c.steps)
		for column := range columns {
			r.column(u.column(column))
		}
		if r.err != nil {
			return nil, r.err
		}
		c.units[id] = u
	}
	return c, nil
}

func (r *reader) column(cells []uint64) {
	var before int64
	for i := 0; i < len(cells) && r.err == nil; i++ {
		if difference := zagzig(r.number()); difference != 0 {
			before += difference
			if before < 0 || before > mostCell {
				r.fail(fmt.Errorf("a number that cannot be: %d", before))
			}
			cells[i] = uint64(before)
			continue
		}
		run := r.number()
		if run == 0 || run > uint64(len(cells)-i) {
			r.fail(fmt.Errorf("a run of %d where %d are left", run, len(cells)-i))
			return
		}
		for range run {
			cells[i] = uint64(before)
			i++
		}
		i--
	}
}

func (r *reader) text() string {
	size := r.number()
	if size > longestName || size > uint64(len(r.rest)) {
		r.fail(errCut)
		return ""
	}
	text := string(r.rest[:size])
	r.rest = r.rest[size:]
	return text
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail(errCut)
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// fail keeps the first error.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

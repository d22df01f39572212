package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// errCorrupt says that a file is no sound bbolt database.
var errCorrupt = errors.New("the file is corrupt")

// The parts of bbolt's file format (version 2) that are read here. All numbers are in the byte order of the machine.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeaderSize = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementSize    = 16 // branch: pos, ksize uint32, page uint64; leaf: flags, pos, ksize, vsize uint32
	bucketSize     = 16 // root uint64, sequence uint64
	metaSize       = 64
	metaChecksum   = 56 // offset of the checksum in the meta

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10

	flagBucket = 0x01 // of a leaf element: the value is a bucket

	countInFirst = 0xFFFF // a freelist of so many pages or more has its length as its first element

	smallestPage, largestPage = 1 << 10, 1 << 16
)

// verify reads every page that bbolt would follow, and says what of it bbolt would stumble over. bbolt trusts its file: it
// follows offsets into a memory map, where a wrong one ends the process. Its own Check does so too, in a goroutine
// whose faults nobody else can catch. So the file is read here, with every offset compared to its bounds.
func verify(file io.ReaderAt, size int64) error {
	m, err := currentMeta(file)
	if err != nil {
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if m.pages < 4 || m.pages > uint64(size)/uint64(m.pageSize) {
		return fmt.Errorf("%w: %d pages of %d bytes in a file of %d bytes", errCorrupt, m.pages, m.pageSize, size)
	}
	v := &verifier{file: file, pageSize: m.pageSize, used: make([]bool, m.pages)}
	v.used[0], v.used[1] = true, true
	if err := v.tree(m.root, keyRange{}); err != nil {
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if err := v.freelist(m.freelist); err != nil {
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return nil
}

type meta struct {
	pageSize       int
	root, freelist uint64
	pages          uint64 // pages in use, free ones included
	transaction    uint64
}

// currentMeta returns the meta page of the last transaction that was written whole. There are two, used in turn.
func currentMeta(file io.ReaderAt) (meta, error) {
	first, err := readMeta(file, 0)
	if err != nil {
		return secondMeta(file, err)
	}
	if second, err := readMeta(file, int64(first.pageSize)); err == nil && second.transaction > first.transaction {
		if second.pageSize != first.pageSize {
			return meta{}, fmt.Errorf("pages of %d and of %d bytes", first.pageSize, second.pageSize)
		}
		return second, nil
	}
	return first, nil
}

// secondMeta looks for the second meta at every size that a page can have, since the first, which tells it, is unreadable.
func secondMeta(file io.ReaderAt, why error) (meta, error) {
	for size := smallestPage; size <= largestPage; size *= 2 {
		if m, err := readMeta(file, int64(size)); err == nil && m.pageSize == size {
			return m, nil
		}
	}
	return meta{}, why
}

func readMeta(file io.ReaderAt, at int64) (meta, error) {
	raw := make([]byte, metaSize)
	if _, err := file.ReadAt(raw, at+pageHeaderSize); err != nil {
		return meta{}, fmt.Errorf("read meta page: %w", err)
	}
	sum := fnv.New64a()
	sum.Write(raw[:metaChecksum])
	if u32(raw, 0) != boltMagic || u32(raw, 4) != boltVersion || u64(raw, metaChecksum) != sum.Sum64() {
		return meta{}, errors.New("no valid meta page")
	}
	m := meta{pageSize: int(u32(raw, 8)), root: u64(raw, 16), freelist: u64(raw, 32), pages: u64(raw, 40), transaction: u64(raw, 48)}
	if m.pageSize < smallestPage || m.pageSize > largestPage || m.pageSize&(m.pageSize-1) != 0 {
		return meta{}, fmt.Errorf("pages of %d bytes", m.pageSize)
	}
	return m, nil
}

type verifier struct {
	file     io.ReaderAt
	pageSize int
	used     []bool // by page: seen in the tree or in the freelist. A page seen twice would be overwritten while in use
}

// page is one page with its overflow, or the value of an inline bucket.
type page struct {
	flags uint16
	count int
	raw   []byte
}

// keyRange is what the parent promises of the keys below: from ≤ key < to. A nil bound promises nothing.
type keyRange struct{ from, to []byte }

func (v *verifier) load(id uint64) (page, error) {
	if id < 2 || id >= uint64(len(v.used)) {
		return page{}, fmt.Errorf("page %d of %d", id, len(v.used))
	}
	header := make([]byte, pageHeaderSize)
	if _, err := v.file.ReadAt(header, int64(id)*int64(v.pageSize)); err != nil {
		return page{}, fmt.Errorf("read page %d: %w", id, err)
	}
	overflow := uint64(u32(header, 12))
	if u64(header, 0) != id || id+overflow >= uint64(len(v.used)) {
		return page{}, fmt.Errorf("page %d: a wrong header", id)
	}
	for i := id; i <= id+overflow; i++ {
		if err := v.use(i); err != nil {
			return page{}, err
		}
	}
	raw := make([]byte, (overflow+1)*uint64(v.pageSize))
	if _, err := v.file.ReadAt(raw, int64(id)*int64(v.pageSize)); err != nil {
		return page{}, fmt.Errorf("read page %d: %w", id, err)
	}
	return parsePage(raw), nil
}

func parsePage(raw []byte) page {
	return page{flags: u16(raw, 8), count: int(u16(raw, 10)), raw: raw}
}

func (v *verifier) use(id uint64) error {
	if id < 2 || id >= uint64(len(v.used)) || v.used[id] {
		return fmt.Errorf("page %d is used twice or does not exist", id)
	}
	v.used[id] = true
	return nil
}

// tree checks the page and all below it.
func (v *verifier) tree(id uint64, keys keyRange) error {
	p, err := v.load(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagBranch:
		err = v.branch(p, keys)
	case flagLeaf:
		err = v.leaf(p, keys)
	default:
		err = fmt.Errorf("flags %#x", p.flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (v *verifier) branch(p page, keys keyRange) error {
	all, err := p.keys(keys)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("an empty branch")
	}
	for i, key := range all {
		below := keyRange{from: key, to: keys.to}
		if i+1 < len(all) {
			below.to = all[i+1]
		}
		if err := v.tree(u64(p.element(i), 8), below); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) leaf(p page, keys keyRange) error {
	if _, err := p.keys(keys); err != nil {
		return err
	}
	for i := range p.count {
		if u32(p.element(i), 0)&flagBucket == 0 {
			continue
		}
		value, err := p.slice(i, 4, uint64(u32(p.element(i), 8)), uint64(u32(p.element(i), 12)))
		if err != nil {
			return err
		}
		if err := v.bucket(value); err != nil {
			return fmt.Errorf("bucket %d: %w", i, err)
		}
	}
	return nil
}

// bucket checks a bucket: it has a tree of its own, or it is small and its only page follows its header.
func (v *verifier) bucket(value []byte) error {
	if len(value) < bucketSize {
		return fmt.Errorf("%d bytes", len(value))
	}
	if root := u64(value, 0); root != 0 {
		return v.tree(root, keyRange{})
	}
	inline := value[bucketSize:]
	if len(inline) < pageHeaderSize {
		return fmt.Errorf("an inline page of %d bytes", len(inline))
	}
	p := parsePage(inline)
	if p.flags != flagLeaf || u64(inline, 0) != 0 {
		return errors.New("an inline page that is no leaf")
	}
	return v.leaf(p, keyRange{})
}

// freelist checks that no page is both free and in use, or free twice.
func (v *verifier) freelist(id uint64) error {
	p, err := v.load(id)
	if err != nil {
		return fmt.Errorf("freelist: %w", err)
	}
	ids, count := p.raw[pageHeaderSize:], uint64(p.count)
	if p.count == countInFirst {
		count, ids = u64(ids, 0), ids[8:]
	}
	if p.flags != flagFreelist || count > uint64(len(ids)/8) {
		return fmt.Errorf("freelist: flags %#x, %d pages", p.flags, count)
	}
	for i := range int(count) {
		if err := v.use(u64(ids, 8*i)); err != nil {
			return fmt.Errorf("freelist: %w", err)
		}
	}
	return nil
}

// keys returns the keys of a branch or a leaf, in strictly ascending order and within their range.
func (p page) keys(within keyRange) ([][]byte, error) {
	if pageHeaderSize+p.count*elementSize > len(p.raw) {
		return nil, fmt.Errorf("%d elements in %d bytes", p.count, len(p.raw))
	}
	all := make([][]byte, p.count)
	for i := range all {
		key, err := p.key(i)
		if err != nil {
			return nil, err
		}
		if i > 0 && bytes.Compare(all[i-1], key) >= 0 ||
			within.from != nil && bytes.Compare(key, within.from) < 0 ||
			within.to != nil && bytes.Compare(key, within.to) >= 0 {
			return nil, fmt.Errorf("key %d is out of order", i)
		}
		all[i] = key
	}
	return all, nil
}

func (p page) key(i int) ([]byte, error) {
	e := p.element(i)
	if p.flags == flagBranch {
		return p.slice(i, 0, 0, uint64(u32(e, 4)))
	}
	if _, err := p.slice(i, 4, uint64(u32(e, 8)), uint64(u32(e, 12))); err != nil {
		return nil, err // the value, which follows the key
	}
	return p.slice(i, 4, 0, uint64(u32(e, 8)))
}

func (p page) element(i int) []byte {
	at := pageHeaderSize + i*elementSize
	return p.raw[at : at+elementSize]
}

// slice returns length bytes of element i: skip bytes after where the field at posField, relative to the element, points.
func (p page) slice(i, posField int, skip, length uint64) ([]byte, error) {
	from := uint64(pageHeaderSize+i*elementSize) + uint64(u32(p.element(i), posField)) + skip
	if from+length > uint64(len(p.raw)) || from < uint64(pageHeaderSize+p.count*elementSize) {
		return nil, fmt.Errorf("element %d points out of the page", i)
	}
	return p.raw[from : from+length], nil
}

func u16(b []byte, at int) uint16 { return binary.NativeEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
func u64(b []byte, at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }

package kernel

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// tableState is what the kernel says of the table itself.
type tableState struct {
	present bool
	flags   uint32
	owner   uint32 // the owner's netlink port; 0 for an orphan
}

// state asks for the table itself.
func (t *Table) state(ctx context.Context) (tableState, error) {
	var found tableState
	err := t.askTable(ctx, func(data []byte) (err error) {
		found, err = parseTable(data)
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return tableState{}, nil
	}
	return found, err
}

// askTable hands the kernel's answer to each; ENOENT says that there is no table.
func (t *Table) askTable(ctx context.Context, each func(data []byte) error) error {
	name := textAttribute(nil, unix.NFTA_TABLE_NAME, ruleset.TableName)
	return t.reader.request(ctx, unix.NFT_MSG_GETTABLE, netlink.Acknowledge, family, name, func(_ uint16, data []byte) error {
		return each(data)
	})
}

func parseTable(data []byte) (tableState, error) {
	found, err := attributes(data[nfgenmsgSize:])
	if err != nil {
		return tableState{}, err
	}
	return tableState{present: true, flags: uint32(number(found[unix.NFTA_TABLE_FLAGS])), owner: uint32(number(found[tableOwner]))}, nil
}

// tableOwner is NFTA_TABLE_OWNER, which golang.org/x/sys does not name.
const tableOwner = 7

// dump is what the kernel told of the table at one generation. Objects are kept as they came; elements of sets, which
// can be many, only if asked for.
type dump struct {
	table    tableState
	tableMsg []byte
	chains   [][]byte
	rules    [][]byte
	sets     [][]byte
	objects  [][]byte
	others   [][]byte // flow tables
	elements map[string]*elements

	generation uint16
	started    bool
}

// elements of one set: their sum always, the elements themselves only if asked for.
type elements struct {
	sum  elementSum
	keys []elementKey
}

// dumpPart says which parts to dump.
type dumpPart int

const (
	dumpShape    dumpPart = 1 << iota // table, chains, rules, sets, flow tables
	dumpObjects                       // counters and other stateful objects
	dumpSums                          // sums of the elements
	dumpElements                      // the elements themselves, and their sums
	dumpAll      = dumpShape | dumpObjects | dumpElements
)

// tornTries bounds how often a dump that another writer tore is read again.
const tornTries = 8

// dump reads the parts within one generation.
func (t *Table) dump(ctx context.Context, parts dumpPart) (*dump, error) {
	for try := 1; ; try++ {
		d, err := t.dumpOnce(ctx, parts)
		if err == nil || try == tornTries || !changedUnderUs(err) {
			return d, err
		}
	}
}

// steadyDump reads everything until two dumps in a row agree that cut it into different pieces. The kernel goes on with a
// set after as many elements as it has told, and a commit that is under way moves them: elements between two pieces are
// told twice or not at all, and no generation shows it.
func (t *Table) steadyDump(ctx context.Context) (*dump, error) {
	otherwise := &Table{reader: t.proof}
	for range tornTries {
		before, err := otherwise.dump(ctx, dumpShape|dumpObjects|dumpSums)
		if err != nil {
			return nil, err
		}
		d, err := t.dump(ctx, dumpAll)
		if err != nil || d.agrees(before) {
			return d, err
		}
	}
	return nil, errTorn
}

// agrees says that both dumps tell the same.
func (d *dump) agrees(other *dump) bool {
	if !d.table.present || !other.table.present {
		return d.table.present == other.table.present
	}
	seed := maphash.MakeSeed()
	return shapeOf(seed, d) == shapeOf(seed, other) &&
		maps.EqualFunc(d.elements, other.elements, func(a, b *elements) bool { return a.sum == b.sum })
}

func (t *Table) dumpOnce(ctx context.Context, parts dumpPart) (*dump, error) {
	d := &dump{elements: map[string]*elements{}}
	err := t.askTable(ctx, func(data []byte) (err error) {
		d.table, err = parseTable(data)
		d.tableMsg = slices.Clone(data)
		return errors.Join(err, d.sameGeneration(data))
	})
	if errors.Is(err, unix.ENOENT) {
		return &dump{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	if parts&dumpShape != 0 {
		if err := t.dumpShape(ctx, d); err != nil {
			return nil, err
		}
	}
	if parts&dumpObjects != 0 {
		if err := t.dumpKind(ctx, d, unix.NFT_MSG_GETOBJ, &d.objects); err != nil {
			return nil, fmt.Errorf("counters: %w", err)
		}
	}
	if parts&(dumpSums|dumpElements) != 0 {
		for _, set := range d.sets {
			if err := t.dumpSet(ctx, d, set, parts&dumpElements != 0); err != nil {
				return nil, err
			}
		}
		// A message bears the generation of its beginning: a commit while the kernel filled the last one shows afterwards only.
		if err := t.askTable(ctx, d.sameGeneration); err != nil {
			return nil, fmt.Errorf("table, again: %w", err)
		}
	}
	return d, nil
}

func (t *Table) dumpShape(ctx context.Context, d *dump) error {
	for _, part := range []struct {
		name string
		kind uint16
		into *[][]byte
	}{
		{"chains", unix.NFT_MSG_GETCHAIN, &d.chains},
		{"rules", unix.NFT_MSG_GETRULE, &d.rules},
		{"sets", unix.NFT_MSG_GETSET, &d.sets},
		{"flow tables", unix.NFT_MSG_GETFLOWTABLE, &d.others},
	} {
		if err := t.dumpKind(ctx, d, part.kind, part.into); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// dumpKind collects the objects of one kind that are in our table: the kernel filters some kinds, not all.
func (t *Table) dumpKind(ctx context.Context, d *dump, kind uint16, into *[][]byte) error {
	body := textAttribute(nil, objectTable, ruleset.TableName)
	err := t.reader.request(ctx, kind, netlink.Dump, family, body, func(_ uint16, data []byte) error {
		if err := d.sameGeneration(data); err != nil {
			return err
		}
		if tableOf(data) == ruleset.TableName {
			*into = append(*into, slices.Clone(data))
		}
		return nil
	})
	// Kernels without flow tables do not know the question.
	if kind == unix.NFT_MSG_GETFLOWTABLE && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)) {
		return nil
	}
	return err
}

func (t *Table) dumpSet(ctx context.Context, d *dump, set []byte, keep bool) error {
	found, err := attributes(set[nfgenmsgSize:])
	if err != nil {
		return err
	}
	name := text(found[unix.NFTA_SET_NAME])
	if number(found[unix.NFTA_SET_FLAGS])&unix.NFT_SET_ANONYMOUS != 0 {
		return nil // part of a foreign rule, which is reported as such
	}
	body := textAttribute(nil, unix.NFTA_SET_ELEM_LIST_TABLE, ruleset.TableName)
	body = textAttribute(body, unix.NFTA_SET_ELEM_LIST_SET, name)
	es := &elements{}
	d.elements[name] = es
	err = t.reader.request(ctx, unix.NFT_MSG_GETSETELEM, netlink.Dump, family, body, func(_ uint16, data []byte) error {
		if err := d.sameGeneration(data); err != nil {
			return err
		}
		return eachElement(data, func(key elementKey) {
			es.sum.add(key)
			if keep {
				es.keys = append(es.keys, key.clone())
			}
		})
	})
	if err != nil {
		return fmt.Errorf("elements of set %s: %w", name, err)
	}
	return nil
}

// sameGeneration fails if the message is of another generation than those before it.
func (d *dump) sameGeneration(data []byte) error {
	generation := generationOf(data)
	if d.started && generation != d.generation {
		return errTorn
	}
	d.generation, d.started = generation, true
	return nil
}

// objectTable is the attribute that names the table in every message of chains, rules, sets, elements and objects.
const objectTable = 1

// tableOf names the table that an object belongs to; empty if the message is malformed.
func tableOf(data []byte) string {
	if len(data) < nfgenmsgSize {
		return ""
	}
	found, err := attributes(data[nfgenmsgSize:])
	if err != nil {
		return ""
	}
	return text(found[objectTable])
}

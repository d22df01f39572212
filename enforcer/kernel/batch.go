package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// family is that of our table: one table for IPv4 and IPv6.
const family = byte(nftables.TableFamilyINet)

// batchFrame begins or ends a batch for nftables.
func batchFrame(kind uint16) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
		Data:   []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
	}
}

// tableMessage makes or deletes a table. The library would ask its own socket for the owner; the kernel takes the
// sender, whoever that says.
func tableMessage(kind uint16, flags netlink.HeaderFlags, name string, tableFlags uint32) netlink.Message {
	data := textAttribute(nfgenmsg(family), unix.NFTA_TABLE_NAME, name)
	data = attribute(data, unix.NFTA_TABLE_FLAGS, binary.BigEndian.AppendUint32(nil, tableFlags))
	return netlink.Message{Header: netlink.Header{Type: messageType(kind), Flags: netlink.Request | flags}, Data: data}
}

// replacing is the batch that puts the rendering in the place of what was found.
func (r *rendering) replacing(found tableState, flags, port uint32) ([]netlink.Message, error) {
	prologue, err := deletion(found, port)
	if err != nil {
		return nil, err
	}
	create := tableMessage(unix.NFT_MSG_NEWTABLE, netlink.Create, ruleset.TableName, flags)
	return framed(prologue, []netlink.Message{create}, r.messages), nil
}

// replacingUnseen is the batch that puts the rendering in the place of a plain table, or of none: made if it is absent,
// deleted, and made.
func (r *rendering) replacingUnseen() []netlink.Message {
	create := tableMessage(unix.NFT_MSG_NEWTABLE, netlink.Create, ruleset.TableName, 0)
	remove := tableMessage(unix.NFT_MSG_DELTABLE, 0, ruleset.TableName, 0)
	return framed([]netlink.Message{create, remove, create}, r.messages)
}

// removing is the batch that deletes what was found.
func (r *rendering) removing(found tableState, port uint32) ([]netlink.Message, error) {
	prologue, err := deletion(found, port)
	return framed(prologue), err
}

func framed(parts ...[]netlink.Message) []netlink.Message {
	body := slices.Concat(parts...)
	return slices.Concat(
		[]netlink.Message{batchFrame(unix.NFNL_MSG_BATCH_BEGIN)}, body, []netlink.Message{batchFrame(unix.NFNL_MSG_BATCH_END)})
}

// deletion removes the table that was found, within a batch. An orphan must be adopted first, with the flags it has:
// nobody may write to a table that has the owner flag and is not theirs.
func deletion(found tableState, port uint32) ([]netlink.Message, error) {
	if !found.present {
		return nil, nil
	}
	remove := tableMessage(unix.NFT_MSG_DELTABLE, 0, ruleset.TableName, 0)
	switch {
	case found.flags&uint32(nftables.TableFlagOwner) == 0, found.owner == port:
		return []netlink.Message{remove}, nil
	case found.owner == 0:
		return []netlink.Message{tableMessage(unix.NFT_MSG_NEWTABLE, netlink.Create, ruleset.TableName, found.flags), remove}, nil
	}
	return nil, fmt.Errorf("table inet %s: %w (netlink port %d): stop the other nakama-warden, or whoever made the table",
		ruleset.TableName, ErrOwned, found.owner)
}

// operation says in words what message index of a batch was for.
func operation(batch []netlink.Message, index int) string {
	m := batch[index]
	if uint16(m.Header.Type)>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < nfgenmsgSize {
		return "start batch"
	}
	found, err := attributes(m.Data[nfgenmsgSize:])
	if err != nil {
		return "send message"
	}
	name := func(kind uint16) string { return text(found[kind]) }
	switch uint16(m.Header.Type) & 0xff {
	case unix.NFT_MSG_NEWTABLE:
		return "create table " + name(unix.NFTA_TABLE_NAME)
	case unix.NFT_MSG_DELTABLE:
		return "delete table " + name(unix.NFTA_TABLE_NAME)
	case unix.NFT_MSG_NEWCHAIN:
		return "create chain " + name(unix.NFTA_CHAIN_NAME)
	case unix.NFT_MSG_NEWRULE:
		return fmt.Sprintf("create rule in chain %s: %s", name(unix.NFTA_RULE_CHAIN), ruleText(m))
	case unix.NFT_MSG_NEWSET:
		return "create set " + name(unix.NFTA_SET_NAME)
	case unix.NFT_MSG_NEWSETELEM:
		return "add elements to set " + name(unix.NFTA_SET_ELEM_LIST_SET)
	case unix.NFT_MSG_DELSETELEM:
		return "delete elements of set " + name(unix.NFTA_SET_ELEM_LIST_SET)
	case unix.NFT_MSG_NEWOBJ:
		return "create counter " + name(unix.NFTA_OBJ_NAME)
	}
	return fmt.Sprintf("nftables message %d", uint16(m.Header.Type)&0xff)
}

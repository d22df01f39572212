package kernel

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Grip is how the table is kept.
type Grip int

// The rungs, best last. The zero value of Options.HighestGrip means the best there is.
const (
	AnyGrip Grip = iota
	// Watched: everybody with CAP_NET_ADMIN can change the table, and it is repaired on the kernel's event.
	Watched
	// Owned: only our socket can change the table, and it stays, refusing, when the socket ends. Kernel 6.9 or newer.
	Owned
)

func (g Grip) String() string {
	switch g {
	case Watched:
		return "watched"
	case Owned:
		return "owned"
	}
	return "auto"
}

// flags are the table's flags under this grip.
func (g Grip) flags() uint32 {
	if g == Owned {
		return ownedFlags
	}
	return 0
}

const ownedFlags = uint32(nftables.TableFlagOwner | nftables.TableFlagPersist)

// probeTable is made and deleted within one batch: it never exists for anybody else.
const probeTable = "nakama_warden_probe"

// probeGrip asks the kernel which flags it knows.
func (t *Table) probeGrip(ctx context.Context) (Grip, string, error) {
	try := func(flags uint32) error {
		return t.writer.transact(ctx, []netlink.Message{
			batchFrame(unix.NFNL_MSG_BATCH_BEGIN),
			tableMessage(unix.NFT_MSG_NEWTABLE, netlink.Create, probeTable, flags),
			tableMessage(unix.NFT_MSG_DELTABLE, 0, probeTable, 0),
			batchFrame(unix.NFNL_MSG_BATCH_END),
		})
	}
	if t.opts.HighestGrip == Watched {
		return Watched, "firewall.grip allows no more", try(0)
	}
	err := try(ownedFlags)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return Watched, fmt.Sprintf("the kernel does not know owner and persist flags (6.9 or newer does): %v", err), try(0)
	}
	return Owned, "", err
}

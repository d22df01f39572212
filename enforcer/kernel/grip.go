package kernel

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	// Held: only our socket can change the table; the table would go with the socket, so a copy of it is kept by somebody
	// who outlives us. Kernel 5.12 or newer.
	Held
	// Owned: only our socket can change the table, and it stays, refusing, when the socket ends. Kernel 6.9 or newer.
	Owned
)

func (g Grip) String() string {
	switch g {
	case Watched:
		return "watched"
	case Held:
		return "held"
	case Owned:
		return "owned"
	}
	return "auto"
}

// flags are the table's flags under this grip.
func (g Grip) flags() uint32 {
	switch g {
	case Held:
		return uint32(nftables.TableFlagOwner)
	case Owned:
		return ownedFlags
	}
	return 0
}

const ownedFlags = uint32(nftables.TableFlagOwner | nftables.TableFlagPersist)

// Keeper keeps a copy of the owning socket for our successor, whatever happens to us.
type Keeper interface {
	// Keep returns when the copy is safe.
	Keep(ctx context.Context, fd uintptr) error
	// Forget lets the copy go: the table is a plain one by then.
	Forget(ctx context.Context) error
}

// probeTable is made and deleted within one batch: it never exists for anybody else.
const probeTable = "nakama_warden_probe"

// findGrip takes the best rung that is allowed, that the kernel knows, and that somebody keeps the socket for.
func (t *Table) findGrip(ctx context.Context) (Grip, string, error) {
	highest := t.opts.HighestGrip
	if highest == AnyGrip {
		highest = Owned
	}
	var reasons []string
	if highest != Owned {
		reasons = append(reasons, "firewall.grip allows no more")
	}
	for grip := highest; grip > Watched; grip-- {
		reason, err := t.tryGrip(ctx, grip)
		if err != nil {
			return 0, "", err
		}
		if reason == "" {
			return grip, strings.Join(reasons, "; "), nil
		}
		reasons = append(reasons, reason)
	}
	return Watched, strings.Join(reasons, "; "), t.probe(ctx, 0)
}

// tryGrip says why a rung cannot be had; an empty reason is a yes.
func (t *Table) tryGrip(ctx context.Context, grip Grip) (reason string, err error) {
	err = t.probe(ctx, grip.flags())
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return fmt.Sprintf("not %s: this kernel does not know the table's flags (5.12 knows owner, 6.9 persist)", grip), nil
	}
	if err != nil {
		return "", err
	}
	kept := t.keep(ctx)
	if kept != nil && grip == Held {
		return fmt.Sprintf("not held: nobody would keep the socket: %v", kept), nil
	}
	return "", nil
}

// keep hands a copy of the owning socket to the keeper.
func (t *Table) keep(ctx context.Context) error {
	if t.opts.Keeper == nil {
		return errors.New("there is no descriptor store (run under systemd with FileDescriptorStoreMax=1)")
	}
	var kept error
	if err := t.writer.raw.Control(func(fd uintptr) { kept = t.opts.Keeper.Keep(ctx, fd) }); err != nil {
		return err
	}
	return kept
}

// probe asks the kernel whether it knows the flags of a table.
func (t *Table) probe(ctx context.Context, flags uint32) error {
	return t.writer.transact(ctx, []netlink.Message{
		batchFrame(unix.NFNL_MSG_BATCH_BEGIN),
		tableMessage(unix.NFT_MSG_NEWTABLE, netlink.Create, probeTable, flags),
		tableMessage(unix.NFT_MSG_DELTABLE, 0, probeTable, 0),
		batchFrame(unix.NFNL_MSG_BATCH_END),
	})
}

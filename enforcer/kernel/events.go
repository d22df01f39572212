package kernel

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// Event tells that somebody else changed something. What exactly is found out by Verify and Around.
type Event struct {
	Time   time.Time
	Table  bool   // our table was named in a commit that is not ours
	Around bool   // a chain or rule elsewhere, or an interface, changed: Around may give another answer, or a look at the ways
	Lost   bool   // the kernel's buffer overflowed: anything may have changed
	By     Writer // of Table; zero if unknown
}

// Writer is who committed, as the kernel says: the name is always there and can be forged by its owner; the PID is of
// the initial PID namespace.
type Writer struct {
	PID  uint32
	Name string
}

// eventsBuffered bounds the events that wait. When they are more, the reader has yet to verify for the first of them,
// which is after the last of them happened: nothing is missed but a name.
const eventsBuffered = 256

// watchBuffer is what the kernel may hold for us while we are busy: a flush of a large ruleset is many messages.
const watchBuffer = 4 << 20

// watcher reads the kernel's announcements of commits and of interfaces.
type watcher struct {
	events  chan Event
	dropped atomic.Uint64

	commits  *socket
	ours     uint32
	now      func() time.Time
	stopLink chan struct{}
	done     sync.WaitGroup
}

// nftablesGroup is NFNLGRP_NFTABLES.
const nftablesGroup = 7

// watch starts to listen; commits by the netlink port ours are left out.
func watch(o Options, ours uint32) (*watcher, error) {
	s, err := dial(o.NetNS)
	if err != nil {
		return nil, err
	}
	if err := s.conn.SetsockoptInt(unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, nftablesGroup); err != nil {
		return nil, errors.Join(withHint(err), s.close())
	}
	if err := s.conn.SetReadBuffer(watchBuffer); err != nil {
		return nil, errors.Join(err, s.close())
	}
	w := &watcher{events: make(chan Event, eventsBuffered), commits: s, ours: ours, now: o.Now, stopLink: make(chan struct{})}
	links := make(chan vnetlink.LinkUpdate, eventsBuffered)
	subscribe := vnetlink.LinkSubscribeOptions{ErrorCallback: func(error) { w.tell(Event{Around: true}) }}
	if o.NetNS != 0 {
		ns := netns.NsHandle(o.NetNS)
		subscribe.Namespace = &ns
	}
	if err := vnetlink.LinkSubscribeWithOptions(links, w.stopLink, subscribe); err != nil {
		return nil, errors.Join(err, s.close())
	}
	w.done.Go(w.watchCommits)
	w.done.Go(func() {
		for range links {
			w.tell(Event{Around: true})
		}
	})
	return w, nil
}

func (w *watcher) close() error {
	close(w.stopLink)
	err := w.commits.close()
	w.done.Wait()
	return err
}

// manyElements is how many elements make a batch that is worth not to be announced to ourselves.
const manyElements = 2000

// unheard runs a commit of our own without listening: the kernel announces every element to whoever listens, which for
// 100k elements is a third of the commit's time. What others do meanwhile is found by the read-back, and by looking
// around again.
func (w *watcher) unheard(elements int, commit func() error) error {
	if w == nil || elements < manyElements {
		return commit()
	}
	if err := w.commits.conn.SetsockoptInt(unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, nftablesGroup); err != nil {
		return commit()
	}
	err := commit()
	if listening := w.commits.conn.SetsockoptInt(unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, nftablesGroup); listening != nil {
		return errors.Join(err, fmt.Errorf("listen to nftables again: %w", listening))
	}
	w.tell(Event{Around: true})
	return err
}

func (w *watcher) tell(e Event) {
	e.Time = w.now()
	select {
	case w.events <- e:
	default:
		w.dropped.Add(1)
	}
}

// watchCommits gathers what a commit touched until the kernel announces its generation, which names the writer.
func (w *watcher) watchCommits() {
	var pending Event
	for {
		n, err := w.commits.read()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			w.tell(Event{Table: true, Around: true, Lost: true})
			pending = Event{}
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return // closed
		}
		_, err = eachMessage(w.commits.buffer[:n], func(h netlink.Header, data []byte) (bool, error) {
			if h.PID == w.ours {
				return false, nil
			}
			if e, complete := pending.gather(h, data); complete {
				w.tell(e)
			}
			return false, nil
		})
		if err != nil {
			w.tell(Event{Table: true, Around: true, Lost: true})
		}
	}
}

// gather adds one announced message. It returns an event when the commit is complete and concerns us.
func (e *Event) gather(h netlink.Header, data []byte) (Event, bool) {
	if uint16(h.Type)>>8 != unix.NFNL_SUBSYS_NFTABLES || len(data) < nfgenmsgSize {
		return Event{}, false
	}
	kind := uint16(h.Type) & 0xff
	if kind != unix.NFT_MSG_NEWGEN {
		ours := data[0] == family && tableOf(data) == ruleset.TableName
		e.Table = e.Table || ours
		switch kind {
		case unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN:
			e.Around = true
		case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
			e.Around = e.Around || !ours
		}
		return Event{}, false
	}
	complete := *e
	*e = Event{}
	complete.By = parseWriter(data)
	return complete, complete.Table || complete.Around
}

func parseWriter(data []byte) Writer {
	found, err := attributes(data[nfgenmsgSize:])
	if err != nil {
		return Writer{}
	}
	return Writer{PID: uint32(number(found[genProcessID])), Name: text(found[genProcessName])}
}

// Attributes of NEWGEN that golang.org/x/sys does not name.
const (
	genProcessID   = 2 // NFTA_GEN_PROC_PID
	genProcessName = 3 // NFTA_GEN_PROC_NAME
)

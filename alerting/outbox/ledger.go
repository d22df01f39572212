package outbox

import (
	"fmt"

	"github.com/nakama-warden/nakama-warden/status"
)

const (
	bucket       = "outbox"
	receiversKey = "receivers" // the names that were served last; all other keys are sequences
)

// record is an entry as it is stored, by its sequence. The next start continues from it.
type record struct {
	Receiver string       `json:"receiver"`
	Alert    status.Alert `json:"alert"`
	Lost     bool         `json:"lost,omitempty"` // it is not to be delivered, and neither is its end
}

// ledger collects the changes that are yet to be stored. Several goroutines' changes go in one transaction, and what the disk
// refuses goes with the next one. The lock of the Outbox guards it.
type ledger struct {
	owed     map[place]any
	sequence uint64 // the last that was given
	handed   uint64 // entries beyond it were in no transaction
}

type place struct{ bucket, key string }

func (l *ledger) next() uint64 {
	l.sequence++
	return l.sequence
}

func (l *ledger) owe(c Change) {
	if l.owed == nil {
		l.owed = map[place]any{}
	}
	l.owed[place{c.Bucket, c.Key}] = c.Value
}

func (l *ledger) keep(e *entry) {
	l.owe(Change{bucket, keyOf(e.sequence), record{Receiver: e.receiver, Alert: e.alert}})
}

func (l *ledger) keepLost(e *entry) {
	l.owe(Change{bucket, keyOf(e.sequence), record{Receiver: e.receiver, Alert: e.alert, Lost: true}})
}

// forget deletes the entry. One that no transaction has seen leaves nothing to delete: so what is owed stays bounded, however
// long the disk is full.
func (l *ledger) forget(e *entry) {
	if e.sequence > l.handed {
		delete(l.owed, place{bucket, keyOf(e.sequence)})
		return
	}
	l.owe(Change{bucket, keyOf(e.sequence), nil})
}

// take hands out all that is owed, for a transaction.
func (l *ledger) take() []Change {
	var changes []Change
	for at, value := range l.owed {
		changes = append(changes, Change{at.bucket, at.key, value})
	}
	l.owed, l.handed = nil, l.sequence
	return changes
}

// giveBack owes the changes of a failed transaction again, but for those that were overtaken meanwhile.
func (l *ledger) giveBack(changes []Change, handed uint64) {
	l.handed = handed
	for _, c := range changes {
		if _, overtaken := l.owed[place{c.Bucket, c.Key}]; !overtaken {
			l.owe(c)
		}
	}
}

// flush returns when all that was owed before is synced, be it by another goroutine's transaction.
func (o *Outbox) flush() error {
	o.disk.Lock()
	defer o.disk.Unlock()

	o.mu.Lock()
	handed := o.ledger.handed
	changes := o.ledger.take()
	o.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	err := o.storage.Update(changes...)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.ledger.giveBack(changes, handed)
	}
	return err
}

// keyOf sorts as the numbers do.
func keyOf(sequence uint64) string { return fmt.Sprintf("%016x", sequence) }

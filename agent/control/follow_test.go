package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nakama-warden/nakama-warden/agent/control"
	"github.com/nakama-warden/nakama-warden/status"
)

// following starts a Follow after sequence 100 that has already seen one event.
func following(t *testing.T, ctx context.Context, each func(status.Event) error) (b *recorder, end func(), followed chan error) {
	t.Helper()
	b = &recorder{events: make(chan status.Event), ended: make(chan struct{})}
	path, end := serve(t, b)
	client := dial(t, path)
	seen := make(chan status.Event)
	followed = make(chan error, 1)
	first := true
	go func() {
		followed <- client.Follow(ctx, 100, func(e status.Event) error {
			if first {
				first = false
				seen <- e
				return nil
			}
			return each(e)
		})
	}()
	b.events <- status.Event{Sequence: 1, Kind: status.KindDrift, Fields: map[string]string{"by": "nft"}}
	if e := <-seen; e.Sequence != 101 || e.Kind != status.KindDrift || e.Fields["by"] != "nft" {
		t.Errorf("followed %+v", e)
	}
	return b, end, followed
}

func TestFollowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, _, followed := following(t, ctx, nil)
	cancel()
	if err := <-followed; err != nil {
		t.Errorf("got %v; want nil", err)
	}
	<-b.ended // the daemon lets go as well
}

func TestFollowEndsWithTheDaemon(t *testing.T) {
	b, end, followed := following(t, t.Context(), nil)
	end() // fails the test if Serve returns an error
	if err := <-followed; !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("got %v; want ErrNoDaemon", err)
	}
	<-b.ended
}

func TestFollowEndsWithItsReader(t *testing.T) {
	full := errors.New("disk full")
	b, _, followed := following(t, t.Context(), func(status.Event) error { return full })
	b.events <- status.Event{Sequence: 2}
	if err := <-followed; !errors.Is(err, full) {
		t.Errorf("got %v; want %v", err, full)
	}
	<-b.ended
}

// A follower that does not read must not hold up the daemon's end.
func TestFollowerThatHangs(t *testing.T) {
	const socketBuffers = 8 << 20 // more than both ends hold: the daemon's write cannot finish
	release := make(chan struct{})
	b, end, followed := following(t, t.Context(), func(status.Event) error { <-release; return nil })
	b.events <- status.Event{Sequence: 2}
	b.events <- status.Event{Sequence: 3, Summary: strings.Repeat("x", socketBuffers)}
	end()
	<-b.ended
	close(release)
	if err := <-followed; !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("got %v; want ErrNoDaemon", err)
	}
}

package kernel

import (
	"errors"
	"testing"

	"github.com/nakama-warden/nakama-warden/enforcer/ruleset"
)

// Somebody can delete the table between our commit and its read-back.
func TestReadBackOfAVanishedTable(t *testing.T) {
	table, host := open(t, Watched)
	commit(t, table, ruleset.Replace(sample(t)))
	mustNft(t, host, "delete table inet nakama_warden")
	if err := table.bless(t.Context(), table.blessed); !errors.Is(err, ErrDiffers) {
		t.Errorf("read back: %v; want %v", err, ErrDiffers)
	}
	if err := table.bless(t.Context(), fingerprint{}); !errors.Is(err, ErrDiffers) {
		t.Errorf("first read back: %v; want %v", err, ErrDiffers)
	}
}

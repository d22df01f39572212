package capacity

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const (
	seeds  = 30
	factor = 1.5
)

// outcome is how one run ended: the errors are relative to the truth, and signed.
type outcome struct {
	known, held                     bool
	model, ratio, squares, theilSen float64
}

func simulate(f family, seed int, peers bool) outcome {
	r := rand.New(rand.NewPCG(uint64(seed), 7))
	samples, at, truth := f.make(r).run(r, factor)
	var sampler Sampler
	var m Model
	var windows []Window
	for _, s := range samples {
		if w, complete := sampler.Add(s); complete {
			m = m.Observe(w)
			windows = append(windows, w)
		}
	}
	mean, upper := m.At(at)
	known, _ := m.Known()
	o := outcome{known: known, held: truth <= upper, model: mean/truth - 1}
	if peers {
		last := windows[len(windows)-1]
		o.ratio = float64(last.MaxMemory)/float64(last.MaxConnections)*at/truth - 1
		o.squares = leastSquares(windows, at)/truth - 1
		o.theilSen = theilSen(windows, at)/truth - 1
	}
	return o
}

func leastSquares(windows []Window, at float64) float64 {
	var n, y, nn, ny, count float64
	for _, w := range windows {
		a, b := float64(w.MaxConnections), float64(w.MaxMemory)
		n, y, nn, ny, count = n+a, y+b, nn+a*a, ny+a*b, count+1
	}
	slope := (count*ny - n*y) / (count*nn - n*n)
	return (y-slope*n)/count + slope*at
}

// theilSen takes every tenth window: the pairs grow with the square.
func theilSen(windows []Window, at float64) float64 {
	var slopes, bases []float64
	for i := 0; i < len(windows); i += 10 {
		for j := 0; j < i; j += 10 {
			if dn := float64(windows[i].MaxConnections) - float64(windows[j].MaxConnections); dn != 0 {
				slopes = append(slopes, (float64(windows[i].MaxMemory)-float64(windows[j].MaxMemory))/dn)
			}
		}
	}
	slope := median(slopes)
	for _, w := range windows {
		bases = append(bases, float64(w.MaxMemory)-slope*float64(w.MaxConnections))
	}
	return median(bases) + slope*at
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// At 1.5 times the largest load seen, the bound holds in nine of ten runs of every family.
func TestBoundHolds(t *testing.T) {
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			var held, known int
			var errors []float64
			for seed := range seeds {
				o := simulate(f, seed, false)
				if o.held {
					held++
				}
				if o.known {
					known++
				}
				errors = append(errors, math.Abs(o.model))
			}
			t.Logf("held %d, known %d of %d, median error %.1f %%, worst %.1f", held, known, seeds, 100*median(errors), 100*errors[seeds-1])
			if held*10 < seeds*9 {
				t.Errorf("the bound held in %d of %d runs", held, seeds)
			}
			if f.name == "flat" {
				if known > 0 {
					t.Errorf("known in %d runs under a flat load", known)
				}
				return
			}
			if known*10 < seeds*9 {
				t.Errorf("known in %d of %d runs only", known, seeds)
			}
		})
	}
}

// BenchmarkFamilies prints the errors at 1.5 times the largest load seen beside those of the usual ways.
func BenchmarkFamilies(b *testing.B) {
	for b.Loop() {
		var table strings.Builder
		row := func(cells ...any) { fmt.Fprintf(&table, "%-12s %12s %12s %12s %12s %8s\n", cells...) }
		row("family", "model", "ratio", "least sq.", "Theil–Sen", "bound")
		for _, f := range families() {
			var ways [4][]float64
			held := 0
			for seed := range seeds {
				o := simulate(f, seed, true)
				for i, off := range []float64{o.model, o.ratio, o.squares, o.theilSen} {
					ways[i] = append(ways[i], math.Abs(off))
				}
				if o.held {
					held++
				}
			}
			cells := []any{f.name}
			for _, off := range ways {
				cells = append(cells, fmt.Sprintf("%.1f (%.1f) %%", 100*median(off), 100*off[seeds*9/10]))
			}
			row(append(cells, fmt.Sprintf("%d %%", 100*held/seeds))...)
		}
		fmt.Printf("median (and 90 %%) of the absolute error at %.1f × the largest load seen, %d seeds\n%s", factor, seeds, table.String())
	}
}

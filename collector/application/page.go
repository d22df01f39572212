package application

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	maxPage = 8 << 20
	// maxLine is far more than the longest help text.
	maxLine = 64 << 10
	// maxKept bounds what reaches the parser, which needs several times its size: the few metrics that are used, perhaps
	// once per store and tenant.
	maxKept = 256 << 10
	// maxValue is the last number that a float64 counts one by one. What is larger is no count and no size of a process.
	maxValue = 1 << 53
)

// metric is one that is used: under which name, and how its series (one per store or tenant) become one number.
type metric struct {
	name   string
	merge  func(a, b float64) float64
	signed bool
}

// vocabulary is what to look for on a page.
type vocabulary struct {
	metrics map[string]metric // by their names on the page
	marks   []string          // beginnings of names that only this application has
}

// page is what was read: values by metric, and what could not be believed.
type page struct {
	values map[string]float64
	doubts map[string]string
	marked bool // one of the vocabulary's marks was on it
}

// readPage picks the series that are used out of a metrics page. Pages of CockroachDB have megabytes of histograms: they
// are never held whole, and the parser sees only what was picked.
func readPage(body io.Reader, words vocabulary) (page, error) {
	read := page{values: map[string]float64{}, doubts: map[string]string{}}
	limited := &io.LimitedReader{R: body, N: maxPage + 1}
	lines := bufio.NewReaderSize(limited, maxLine)
	var kept []byte
	samples := 0
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case limited.N <= 0:
			return page{}, fmt.Errorf("larger than %d MiB", maxPage>>20)
		case errors.Is(err, bufio.ErrBufferFull):
			return page{}, fmt.Errorf("line %d is longer than %d KiB", number, maxLine>>10)
		case err != nil && !errors.Is(err, io.EOF):
			return page{}, err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			name := nameOf(text)
			if name == nil {
				return page{}, fmt.Errorf("line %d is no metric: %.40q", number, text)
			}
			samples++
			read.marked = read.marked || words.mark(name)
			if _, use := words.metrics[string(name)]; use {
				kept = append(kept, line...)
			}
		}
		if len(kept) > maxKept {
			return page{}, fmt.Errorf("more than %d KiB of the metrics that are used", maxKept>>10)
		}
		if err == nil {
			continue
		}
		if samples == 0 {
			return page{}, errors.New("holds no metrics")
		}
		return read, read.take(kept, words.metrics)
	}
}

func (v vocabulary) mark(name []byte) bool {
	return slices.ContainsFunc(v.marks, func(mark string) bool { return strings.HasPrefix(string(name), mark) })
}

// nameOf returns the name that a sample begins with, or nil where none is.
func nameOf(sample []byte) []byte {
	for i, c := range sample {
		switch {
		case c == '_', c == ':', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9' && i > 0:
		case i > 0 && (c == '{' || c == ' ' || c == '\t'):
			return sample[:i]
		default:
			return nil
		}
	}
	return nil
}

// take parses what was picked and makes one number of each metric.
func (p page) take(kept []byte, wanted map[string]metric) error {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(kept))
	if err != nil {
		return err
	}
	for name, family := range families {
		for _, series := range family.GetMetric() {
			// Types stand in comments, which were not kept.
			p.add(wanted[name], series.GetUntyped().GetValue())
		}
	}
	for name := range p.doubts {
		delete(p.values, name)
	}
	return nil
}

func (p page) add(m metric, value float64) {
	p.judge(m, value)
	if before, more := p.values[m.name]; more {
		value = m.merge(before, value)
		p.judge(m, value)
	}
	p.values[m.name] = value
}

func (p page) judge(m metric, value float64) {
	if math.IsNaN(value) || math.Abs(value) > maxValue || (value < 0 && !m.signed) {
		p.doubts[m.name] = fmt.Sprintf("%s cannot be %g", m.name, value)
	}
}

// count takes a value out as a whole number. It is nil where the value is absent.
func (p page) count(name string) *uint64 {
	value, found := p.values[name]
	if !found {
		return nil
	}
	delete(p.values, name)
	n := uint64(value)
	return &n
}

// problem is one line about all that could not be believed.
func (p page) problem() string {
	var doubts []string
	for _, doubt := range p.doubts {
		doubts = append(doubts, doubt)
	}
	slices.Sort(doubts)
	return strings.Join(doubts, "; ")
}

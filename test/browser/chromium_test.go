package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds what one page may take on a busy machine.
const patience = time.Minute

// chromium starts a browser of its own for the test, with a profile of its own. It can reach loopback only: a page that asks for
// more is found by what it asks for, not by what comes of it.
func chromium(t testing.TB) context.Context {
	t.Helper()
	program := os.Getenv("CHROMIUM")
	if program == "" {
		t.Skip("CHROMIUM is lacking: run `make test-browser`, which finds or installs one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // root cannot have one; the pages are our own
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("hide-scrollbars", false))
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	return ctx
}

// screen is what a page is looked at with.
type screen struct {
	name          string
	width, height int64
	phone         bool
	dark          bool
	noScript      bool
}

func screens() []screen {
	phone := screen{name: "phone-light", width: 360, height: 740, phone: true}
	desktop := screen{name: "desktop-light", width: 1280, height: 900}
	return []screen{phone, phone.night("phone-dark"), desktop, desktop.night("desktop-dark")}
}

func (s screen) night(name string) screen {
	s.name, s.dark = name, true
	return s
}

// tab is one page in the browser, and what the browser complained of.
type tab struct {
	t       testing.TB
	ctx     context.Context
	address string

	mu       sync.Mutex // the browser tells from a goroutine of its own
	problems []string
}

// open goes to a site's page as a screen shows it, and waits until it is loaded.
func open(t testing.TB, browser context.Context, s *site, as screen) *tab {
	t.Helper()
	page := &tab{t: t, address: s.address}
	ctx, end := chromedp.NewContext(browser, chromedp.WithListener(page.hear))
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil { // its context ends the tab: it has no limit
		t.Fatal("open a tab: ", err)
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	page.ctx = bounded
	theme := "light"
	if as.dark {
		theme = "dark"
	}
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	_, err := chromedp.Call(bounded, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media})
	page.must("emulate a theme", err)
	_, err = chromedp.Call(bounded, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: as.width, Height: as.height, DeviceScaleFactor: 1, Mobile: as.phone})
	page.must("emulate a screen", err)
	_, err = chromedp.Call(bounded, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: as.noScript})
	page.must("allow or forbid scripts", err)
	page.must("open "+s.address, chromedp.Do(bounded, chromedp.Navigate(s.address+"/")))
	return page
}

// hear notes what a page must not do.
func (p *tab) hear(event any) {
	var problem string
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if address := e.Request.URL; address != p.address && !strings.HasPrefix(address, p.address+"/") && !strings.HasPrefix(address, "data:") {
			problem = "asks for " + address
		}
	case *log.EventEntryAdded:
		problem = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *runtime.EventExceptionThrown:
		problem = fmt.Sprintf("exception: %v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		problem = fmt.Sprintf("console.%s", e.Type)
	}
	if problem == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

// complaints are what was noted so far.
func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.problems)
}

func (p *tab) must(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// ask evaluates an expression in the page; a promise is awaited.
func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	answer, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	p.must("ask the page", err)
	return answer
}

// text is what the page shows to a reader.
func (p *tab) text() string {
	p.t.Helper()
	return ask[string](p, "document.body.innerText")
}

// keep writes a picture of all of the page, where pictures are wanted.
func (p *tab) keep(name string) {
	p.t.Helper()
	folder := os.Getenv("ARTEFACTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	p.must("take a picture", err)
	p.must("keep a picture", os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644))
}

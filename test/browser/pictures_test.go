package browser

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// takeAnew is the only state of the package; flags are read once, before any test.
var takeAnew = flag.Bool("update", false, "take the pictures of the docs anew")

const (
	images = "../../docs/images"
	// allOfThem is what the pictures of the docs may take together: everybody clones them.
	allOfThem = 300 << 10
)

// picture is one of the docs: the upper part of a page.
type picture struct {
	file   string
	of     func() state
	as     screen
	height float64 // of the part that is shown; 0: all that fits on the screen
}

func pictures() []picture {
	phone, night, desk := screens()[0], screens()[1], screens()[2]
	return []picture{
		{"page.png", enforced, desk, 876},
		{"page-firing.png", firing, desk, 770},
		{"page-phone.png", enforced, phone, 0},
		{"page-phone-dark.png", nearlyFull, night, 0},
	}
}

// The pictures are taken by -update, and otherwise not compared: fonts differ from machine to machine.
func TestPicturesOfTheDocs(t *testing.T) {
	if *takeAnew {
		take(t)
	}
	taken, shown := map[string]bool{}, map[string]bool{}
	size := 0
	for _, p := range pictures() {
		taken[p.file] = true
		text, err := os.ReadFile(filepath.Join(images, p.file))
		if err != nil {
			t.Errorf("%v (`make pictures` takes it)", err)
			continue
		}
		size += len(text)
		if shape, err := png.DecodeConfig(bytes.NewReader(text)); err != nil || shape.Width != int(p.as.width) {
			t.Errorf("%s is no picture of %s: %v, %+v", p.file, p.as.name, err, shape)
		}
	}
	if size > allOfThem {
		t.Errorf("the pictures take %d KB, %d KB are wanted", size>>10, allOfThem>>10)
	}
	for _, file := range []string{"../../README.md", "../../docs/pages.md"} {
		for _, image := range embedded(t, file) {
			if !taken[filepath.Base(image)] {
				t.Errorf("%s shows %s, which is not taken here", file, image)
			}
			shown[filepath.Base(image)] = true
		}
	}
	for file := range taken {
		if !shown[file] {
			t.Errorf("%s is shown nowhere", file)
		}
	}
}

func take(t *testing.T) {
	browser := chromium(t)
	for _, p := range pictures() {
		tab := open(t, browser, serve(t, p.of()), p.as)
		part := &page.Viewport{Width: float64(p.as.width), Height: p.height, Scale: 1}
		if p.height == 0 {
			part.Height = float64(p.as.height)
		}
		beyond := true
		taken, err := chromedp.Call(tab.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: part, CaptureBeyondViewport: &beyond})
		tab.must("take "+p.file, err)
		tab.must("keep "+p.file, os.MkdirAll(images, 0o755))
		tab.must("keep "+p.file, os.WriteFile(filepath.Join(images, p.file), small(t, taken.Data), 0o644))
	}
}

// embedded are the pictures that a document shows; there must be some.
func embedded(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile(`(?:!\[[^]]+\]\(|<img src=")([^)"]+)`).FindAllSubmatch(text, -1) {
		found = append(found, string(m[1]))
	}
	if len(found) == 0 {
		t.Errorf("%s shows no picture", file)
	}
	return found
}

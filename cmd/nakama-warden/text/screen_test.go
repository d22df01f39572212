package text

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// grid is a terminal, as far as a frame writes to one. It fails on any sequence that it does not know.
type grid struct {
	cells         [][]rune
	row, col      int
	width, height int
}

func newGrid(width, height int) *grid {
	g := &grid{width: width, height: height, cells: make([][]rune, height)}
	for i := range g.cells {
		g.cells[i] = []rune(strings.Repeat(" ", width))
	}
	return g
}

func (g *grid) clear(row, col int) {
	for ; col < g.width; col++ {
		g.cells[row][col] = ' '
	}
}

func (g *grid) write(t *testing.T, text string) {
	t.Helper()
	for len(text) > 0 {
		var row, col int
		switch {
		case strings.HasPrefix(text, clearScreen):
			text = text[len(clearScreen):]
			*g = *newGrid(g.width, g.height)
		case strings.HasPrefix(text, clearLine):
			text = text[len(clearLine):]
			g.clear(g.row, min(g.col, g.width-1))
		case strings.HasPrefix(text, clearBelow):
			text = text[len(clearBelow):]
			for row := g.row; row < g.height; row++ {
				g.clear(row, 0)
			}
		case strings.HasPrefix(text, "\x1b["):
			if n, err := fmt.Sscanf(text, "\x1b[%d;%dH", &row, &col); n != 2 || err != nil || row > g.height {
				t.Fatalf("%.20q on a screen of %d lines", text, g.height)
			}
			text = text[strings.IndexByte(text, 'H')+1:]
			g.row, g.col = row-1, col-1
		default:
			r := []rune(text)[0]
			text = text[len(string(r)):]
			if r == '\n' || g.col >= g.width {
				t.Fatalf("%q at %d of %d columns: the screen would scroll", r, g.col, g.width)
			}
			g.cells[g.row][g.col] = r
			g.col++
		}
	}
}

func (g *grid) String() string {
	var lines []string
	for _, l := range g.cells {
		lines = append(lines, strings.TrimRight(string(l), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Whatever stood on a screen before, it shows the page and nothing else; and what is there already is not written again.
func TestAFrameShowsThePage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var f frame
	width, height := 20, 6
	g := newGrid(width, height)
	for range 2000 {
		if random.IntN(10) == 0 {
			width, height = 10+random.IntN(30), 1+random.IntN(8)
			g = newGrid(width, height)
		}
		var lines []string
		for range 1 + random.IntN(9) {
			lines = append(lines, strings.Repeat(string(rune('a'+random.IntN(3))), random.IntN(width+1)))
		}
		page := strings.Join(lines, "\n") + "\n"
		g.write(t, f.next(page, width, height))
		want := strings.TrimRight(strings.Join(cutBelow(lines, width, height), "\n"), "\n")
		if got := g.String(); got != want {
			t.Fatalf("at %d × %d shown:\n%s\nwant:\n%s", width, height, got, want)
		}
		if again := f.next(page, width, height); again != "" {
			t.Fatalf("the same page is written again: %q", again)
		}
	}
}

func TestAFrameWritesOnlyWhatChanged(t *testing.T) {
	var f frame
	f.next("SAFE  verified 1 s ago\nnakama-1\n", 80, 24)
	if got, want := f.next("SAFE  verified 2 s ago\nnakama-1\n", 80, 24), "\x1b[1;1H\x1b[KSAFE  verified 2 s ago"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestAPageThatIsTooLongSaysHowMuchIsMissing(t *testing.T) {
	got := cutBelow([]string{"a", "b", "c", "d"}, 80, 3)
	if want := "a|b|… 2 lines below: make the window higher"; strings.Join(got, "|") != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// terminal has this size: what is written to far can be read from near.
func terminal(t *testing.T, columns, rows uint16) (near, far *os.File) {
	t.Helper()
	near, far, err := pty.Open()
	if err != nil {
		t.Skipf("lacks pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	if err := pty.Setsize(far, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestAScreenGivesTheTerminalBack(t *testing.T) {
	near, far := terminal(t, 60, 10)
	before, err := unix.IoctlGetTermios(int(far.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenScreen(far)
	if err != nil {
		t.Fatal(err)
	}
	during, err := unix.IoctlGetTermios(int(far.Fd()), unix.TCGETS)
	if err != nil || during.Lflag&unix.ECHO != 0 || during.Lflag&unix.ISIG == 0 {
		t.Errorf("flags %x, %v; want no echo, and Ctrl-C as it was", during.Lflag, err)
	}
	var given Style
	if err := s.Show(func(w io.Writer, style Style) error {
		given = style
		_, err := io.WriteString(w, "SAFE\n")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if given.Width != 60 {
		t.Errorf("laid out for %d columns; want 60", given.Width)
	}
	if _, err := near.WriteString("halt\r"); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(far.Fd()), Events: unix.POLLIN}}, 20_000); n != 1 {
		t.Fatalf("what was typed does not arrive: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if waiting, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCINQ); err != nil || waiting > 0 {
		t.Errorf("%d letters wait for the shell, %v; want none", waiting, err)
	}
	after, err := unix.IoctlGetTermios(int(far.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("%+v, %v; want what it was, %+v", after, err, before)
	}
	want := enterScreen + clearScreen + "\x1b[1;1H" + clearLine + "SAFE" + leaveScreen
	got := make([]byte, len(want))
	if _, err := io.ReadFull(near, got); err != nil || string(got) != want {
		t.Errorf("written: %q, %v; want %q", got, err, want)
	}
}

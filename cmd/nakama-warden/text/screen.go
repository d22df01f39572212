package text

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// The sequences of a screen (ECMA-48, and xterm's private modes that every emulator knows).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	clearScreen = "\x1b[H\x1b[2J"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// Screen shows one page after another on a terminal, without flicker: what changed is written, and at once. What was on the
// terminal before comes back when it is closed.
type Screen struct {
	terminal *os.File
	echo     *unix.Termios // of the terminal before; nil: it cannot be told, and stays
	frame    frame
}

// OpenScreen takes the terminal over.
func OpenScreen(terminal *os.File) (*Screen, error) {
	s := &Screen{terminal: terminal}
	fd := int(terminal.Fd())
	if before, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
		quiet := *before
		quiet.Lflag &^= unix.ECHO // what is typed would stand across the page
		if unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) == nil {
			s.echo = before
		}
	}
	return s, s.write(enterScreen)
}

// Close gives the terminal back.
func (s *Screen) Close() error {
	err := s.write(leaveScreen)
	if s.echo != nil {
		// What was typed meanwhile was meant for the page, not for the shell.
		_ = unix.IoctlSetTermios(int(s.terminal.Fd()), unix.TCSETSF, s.echo)
	}
	return err
}

// Show puts a page on the screen; render is given the size that the terminal has now.
func (s *Screen) Show(render func(io.Writer, Style) error) error {
	style := StyleFor(s.terminal)
	height := 24
	if _, rows, err := term.GetSize(int(s.terminal.Fd())); err == nil && rows > 0 {
		height = rows
	}
	var page strings.Builder
	if err := render(&page, style); err != nil {
		return err
	}
	return s.write(s.frame.next(page.String(), style.Width, height))
}

func (s *Screen) write(text string) error {
	if _, err := io.WriteString(s.terminal, text); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// frame is what stands on a screen.
type frame struct {
	lines         []string
	width, height int
}

// next returns what turns the frame into one that shows page, on a screen of this size.
func (f *frame) next(page string, width, height int) string {
	lines := cutBelow(strings.Split(strings.TrimSuffix(page, "\n"), "\n"), width, height)
	var b strings.Builder
	if width != f.width || height != f.height { // the terminal has moved lines about
		b.WriteString(clearScreen)
		f.lines, f.width, f.height = nil, width, height
	}
	for i, l := range lines {
		if i < len(f.lines) && f.lines[i] == l {
			continue
		}
		// Cleared before it is written: after a line as wide as the screen the cursor is still on its last letter.
		fmt.Fprintf(&b, "\x1b[%d;1H%s%s", i+1, clearLine, l)
	}
	if len(lines) < len(f.lines) {
		fmt.Fprintf(&b, "\x1b[%d;1H%s", len(lines)+1, clearBelow)
	}
	f.lines = lines
	return b.String()
}

// cutBelow keeps what fits on a screen; the last line says what does not.
func cutBelow(lines []string, width, height int) []string {
	if len(lines) <= height {
		return lines
	}
	shown := max(height-1, 0)
	more := fmt.Sprintf("… %s below: make the window higher", words.Several(len(lines)-shown, "line"))
	return append(lines[:shown:shown], truncate(more, width))
}

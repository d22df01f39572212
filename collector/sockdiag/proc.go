package sockdiag

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
)

// proc sees sockets through the text files of /proc. It keeps them open: they show the namespace, whatever becomes of the
// process by which it was found.
type proc struct {
	files  []*os.File
	buffer []byte
}

func openProc(folder string) (*proc, error) {
	p := &proc{buffer: make([]byte, receiveSize)}
	for _, name := range []string{"tcp", "tcp6"} {
		file, err := os.Open(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) && name == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			_ = p.close() // files that were only read
			return nil, err
		}
		p.files = append(p.files, file)
	}
	return p, nil
}

func (p *proc) each(ctx context.Context, q query, show visit) error {
	for _, file := range p.files {
		if err := scan(ctx, file, p.buffer, q, show); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("read %s: %w", file.Name(), err)
		}
	}
	return nil
}

func (p *proc) close() error {
	var failed error
	for _, file := range p.files {
		failed = errors.Join(failed, file.Close())
	}
	return failed
}

// scan reads a table from its beginning, a buffer at a time.
func scan(ctx context.Context, table io.ReadSeeker, buffer []byte, q query, show visit) error {
	if _, err := table.Seek(0, io.SeekStart); err != nil {
		return err
	}
	kept, heading := 0, true
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := table.Read(buffer[kept:])
		rest := buffer[:kept+n]
		for end := bytes.IndexByte(rest, '\n'); end >= 0; end = bytes.IndexByte(rest, '\n') {
			if !heading {
				if err := parseLine(rest[:end], q, show); err != nil {
					return err
				}
			}
			rest, heading = rest[end+1:], false
		}
		if kept = copy(buffer, rest); kept == len(buffer) {
			return errMalformed // a line longer than any
		}
		switch {
		case errors.Is(err, io.EOF) && kept > 0:
			return errMalformed // the last line has no end
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// parseLine shows the socket of a line, if it is asked for and held by anybody:
//
//	0: 0100007F:1CB6 0200007F:C350 01 00000000:00000000 02:000A7214 …
//	   local         remote        state                timer
func parseLine(line []byte, q query, show visit) error {
	_, line, found := bytes.Cut(line, []byte(": "))
	colon := bytes.IndexByte(line, ':')
	if !found || colon != 8 && colon != 32 {
		return errMalformed
	}
	// From here on all stands in fixed columns.
	remoteAt := colon + len(":1CB6 ")
	stateAt := remoteAt + colon + len(":C350 ")
	timerAt := stateAt + len("01 00000000:00000000 ")
	if len(line) < timerAt+2 {
		return errMalformed
	}
	port, ok := parseHex(line[colon+1 : colon+5])
	state, ok2 := parseHex(line[stateAt : stateAt+2])
	timer, ok3 := parseHex(line[timerAt : timerAt+2])
	if !ok || !ok2 || !ok3 {
		return errMalformed
	}
	if timer == timerWait || q.states&(1<<state) == 0 || !slices.Contains(q.ports, uint16(port)) {
		return nil
	}
	remote, ok := parseHexAddr(line[remoteAt : remoteAt+colon])
	if !ok {
		return errMalformed
	}
	show(uint16(port), uint8(state), remote)
	return nil
}

// parseHexAddr reads an address: its words of four bytes, each printed as a number of this machine.
func parseHexAddr(text []byte) (netip.Addr, bool) {
	var b [16]byte
	for i := 0; i < len(text); i += 8 {
		word, ok := parseHex(text[i : i+8])
		if !ok {
			return netip.Addr{}, false
		}
		binary.NativeEndian.PutUint32(b[i/2:], word)
	}
	if len(text) == 8 {
		return netip.AddrFrom4([4]byte(b[:4])), true
	}
	return netip.AddrFrom16(b), true
}

func parseHex(text []byte) (n uint32, ok bool) {
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint32(c-'0')
		case 'A' <= c && c <= 'F':
			n = n<<4 | uint32(c-'A'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

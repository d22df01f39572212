package culprit

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textMost bounds every text that a stranger chose, in bytes.
const textMost = 128

// clean makes a stranger's text fit for logs and terminals: what does not print is left out, including the marks that
// turn the direction of writing.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	for len(text) > textMost {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// userName is the name of a user of this host, else the number. Directory services are not asked: they may be what the
// table's change has cut off.
func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	file, err := os.Open("/etc/passwd")
	if err != nil {
		return number
	}
	defer file.Close()
	if name := findUser(file, number); name != "" {
		return clean(name)
	}
	return number
}

// findUser looks a number up in lines such as "root:x:0:…" (passwd(5)).
func findUser(passwd io.Reader, number string) string {
	for lines := bufio.NewScanner(passwd); lines.Scan(); {
		if fields := strings.SplitN(lines.Text(), ":", 4); len(fields) == 4 && fields[2] == number {
			return fields[0]
		}
	}
	return ""
}

package main

import (
	"reflect"
	"strings"
	"testing"
)

const applyHelp = `Puts it into the kernel.
Nobody repairs it.

With --revert-after it comes back.

Usage:
  nakama-warden apply [flags]

Examples:
  nakama-warden apply --revert-after 60s --why "hide the console"

Flags:
  -h, --help                  help for apply
  -o, --output format         format: text or json (default "text")
      --revert-after time     take the change back
                              unless it is confirmed

Global Flags:
      --config file       the configuration file
`

func TestParse(t *testing.T) {
	got, err := Parse(applyHelp)
	if err != nil {
		t.Fatal(err)
	}
	want := Help{
		Description: "Puts it into the kernel.\nNobody repairs it.\n\nWith --revert-after it comes back.",
		Usage:       "nakama-warden apply",
		Examples:    []string{`nakama-warden apply --revert-after 60s --why "hide the console"`},
		Flags: []Flag{
			{"-o, --output format", `format: text or json (default "text")`},
			{"--revert-after time", "take the change back unless it is confirmed"},
		},
		Globals: []Flag{{"--config file", "the configuration file"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseTheProgramsCommands(t *testing.T) {
	got, err := Parse("Guards.\n\nUsage:\n  nakama-warden [command]\n\nAvailable Commands:\n  apply       Put it\n  run         The daemon\n\n" +
		"Use \"nakama-warden [command] --help\" for more.\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"apply", "run"}; !reflect.DeepEqual(got.Commands, want) {
		t.Errorf("commands %q; want %q", got.Commands, want)
	}
}

func TestParseWhatIsNoHelp(t *testing.T) {
	if _, err := Parse("command not found\n"); err == nil {
		t.Error("a text without usage was taken for a help text")
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		`.hidden`:       `\&.hidden`,
		`'quoted' text`: `\&'quoted' text`,
		`C:\new`:        `C:\enew`,
		`--why REASON…`: `\-\-why REASON\[u2026]`,
	} {
		if got := text(in); got != want {
			t.Errorf("text(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestPage(t *testing.T) {
	apply, err := Parse(applyHelp)
	if err != nil {
		t.Fatal(err)
	}
	root := Help{Description: "Guards.", Flags: []Flag{{"--config file", "the file"}}}
	page := Page("1.2.3", "2026-01-02", root, []Help{apply}, ".SH FILES\nnone\n")
	for _, want := range []string{
		`.TH NAKAMA-WARDEN 8 "2026\-01\-02" "nakama\-warden 1.2.3"`,
		".SS \"apply\"\nPuts it into the kernel.\nNobody repairs it.\n.PP\nWith \\-\\-revert\\-after",
		".TP\n.B \\-\\-config file\nthe file\n",
		".SH FILES\nnone\n.SH SEE ALSO\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

package config

import (
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
)

// text accepts any scalar as it is written: a git SHA may look like a number.
func text(into *string) func(value) {
	return func(v value) {
		if !v.scalar() {
			v.wrongType("a text")
			return
		}
		*into = v.node.Value
	}
}

// choice accepts one of a few words.
func choice[T ~string](into *T, allowed ...T) func(value) {
	return func(v value) {
		words := make([]string, len(allowed))
		for i, word := range allowed {
			words[i] = string(word)
		}
		if !v.scalar() || !slices.Contains(words, v.node.Value) {
			v.wrongType(oneOf(v.node.Value, words))
			return
		}
		*into = T(v.node.Value)
	}
}

func boolean(into *bool) func(value) {
	return func(v value) {
		if !v.is("!!bool") {
			v.wrongType("true or false")
			return
		}
		*into = strings.EqualFold(v.node.Value, "true")
	}
}

// number accepts a finite number that meets the condition, which want puts into words.
func number(into *float64, want string, meets func(float64) bool) func(value) {
	return func(v value) {
		f, err := strconv.ParseFloat(v.node.Value, 64)
		if !(v.is("!!float") || v.is("!!int")) || err != nil || math.IsInf(f, 0) || math.IsNaN(f) || !meets(f) {
			v.wrongType(want)
			return
		}
		*into = f
	}
}

// whole accepts an integer in plain decimal digits: YAML's octal 0123 surprises everybody.
func whole[T ~int | ~uint16](into *T, want string, low, high int) func(value) {
	return func(v value) {
		n, err := strconv.Atoi(v.node.Value)
		if !v.is("!!int") || err != nil || strconv.Itoa(n) != v.node.Value || n < low || n > high {
			v.wrongType(want)
			return
		}
		*into = T(n)
	}
}

// duration accepts a time span of at least low.
func duration(into *time.Duration, low time.Duration) func(value) {
	return func(v value) {
		const want = "a duration with units, like 30d, 1h30m or 5m"
		d, ok := parseDuration(v.node.Value)
		switch {
		case !v.is("!!str") || !ok:
			v.wrongType(want)
		case d < low:
			v.fail(tooShort(d, low), want)
		default:
			*into = d
		}
	}
}

func tooShort(d, low time.Duration) string {
	if d == 0 {
		return "the duration is zero"
	}
	return "shorter than " + low.String()
}

var durationWithDays = regexp.MustCompile(`^(?:([0-9]{1,5})d)?((?:[0-9]+(?:\.[0-9]+)?(?:ms|us|h|m|s))*)$`)

// parseDuration reads Go's durations, without a sign, with whole days in front.
func parseDuration(s string) (time.Duration, bool) {
	parts := durationWithDays.FindStringSubmatch(s)
	if parts == nil || s == "" {
		return 0, false
	}
	var d time.Duration
	if parts[1] != "" {
		days, err := strconv.Atoi(parts[1])
		if err != nil {
			return 0, false
		}
		d = time.Duration(days) * 24 * time.Hour // at most 99,999 days, which is in range
	}
	if parts[2] != "" {
		rest, err := time.ParseDuration(parts[2])
		if err != nil || rest > math.MaxInt64-d {
			return 0, false
		}
		d += rest
	}
	return d, true
}

// webURL accepts an address for HTTP. Problems never show it: URLs carry secrets.
func webURL(v value) (string, bool) {
	u, err := url.Parse(v.node.Value)
	if !v.is("!!str") || err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" ||
		u.Fragment != "" || u.Opaque != "" {
		v.fail("not the URL of an HTTP server", "one like http://10.9.0.20:9093")
		return "", false
	}
	if port := u.Port(); port != "" && !validPort(port) {
		v.fail("the port of the URL is not one", "a port from 1 to 65535")
		return "", false
	}
	return v.node.Value, true
}

func validPort(s string) bool {
	port, err := strconv.ParseUint(s, 10, 16)
	return err == nil && port > 0
}

// listenAddress accepts what a server can bind: names are left out, because they may move.
func listenAddress(into *string) func(value) {
	return func(v value) {
		const want = ":9735 or ADDRESS:9735"
		host, port, err := net.SplitHostPort(v.node.Value)
		if !v.is("!!str") || err != nil {
			v.wrongType(want)
			return
		}
		if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
			v.fail(quote(host)+" is no address of this host", want)
			return
		}
		if !validPort(port) {
			v.fail(quote(port)+" is no port", want)
			return
		}
		*into = v.node.Value
	}
}

// path accepts an absolute path, since the daemon's working directory is nobody's business; or none.
func path(into *string) func(value) {
	return func(v value) {
		if !v.is("!!str") || (v.node.Value != "" && !filepath.IsAbs(v.node.Value)) {
			v.wrongType("an absolute path")
			return
		}
		*into = v.node.Value
	}
}

// discoveryFile accepts what Prometheus accepts in file_sd: a pattern in the last element only, and an extension that
// tells the format.
func discoveryFile(v value) (string, bool) {
	file := v.node.Value
	dir, base := filepath.Split(file)
	extension := strings.ToLower(filepath.Ext(base))
	_, patternErr := filepath.Match(base, "")
	if !v.is("!!str") || !filepath.IsAbs(file) || patternErr != nil || strings.ContainsAny(dir, "*?[") ||
		!slices.Contains([]string{".json", ".yml", ".yaml"}, extension) {
		v.wrongType("an absolute path that ends in .json, .yml or .yaml, with * in its last element at most")
		return "", false
	}
	return file, true
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_.-]*[A-Za-z][A-Za-z0-9_.-]*$`)

// address accepts an address or a CIDR and normalises it.
func address(v value) (netip.Prefix, bool) {
	const want = "an address or a CIDR, like 10.0.1.11 or 10.9.0.0/24"
	if !v.scalar() {
		v.wrongType(want)
		return netip.Prefix{}, false
	}
	text := v.node.Value
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(text)
		if addrErr != nil || addr.Zone() != "" {
			v.fail(whyNoAddress(text), want)
			return netip.Prefix{}, false
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is4In6() && prefix.Bits() < 96 {
		v.fail(quote(text)+" is wider than all IPv4-mapped addresses", want)
		return netip.Prefix{}, false
	}
	normal := policy.Normalize(prefix)
	if plain := prefix.Addr().Unmap(); plain != normal.Addr() {
		v.warn(quote(text)+" has host bits set and is read as "+normal.String(), normal.String()+" or a single address")
	}
	return normal, true
}

func whyNoAddress(text string) string {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() != "" {
		return quote(text) + " has a zone, which no other host shares"
	}
	if _, err := netip.ParseAddrPort(text); err == nil {
		return quote(text) + " is an address with a port"
	}
	if hostname.MatchString(text) {
		return quote(text) + " is a hostname, which belongs under dns (not available in this version)"
	}
	return quote(text) + " is neither an address nor a CIDR"
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// validName holds names of groups and services to what is an identifier in nftables and a label value everywhere.
func validName(v value, text string) bool {
	if identifier.MatchString(text) {
		return true
	}
	v.fail("the name "+quote(text), "up to 32 lower-case letters, digits, - and _, a letter first")
	return false
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// validLabel holds names of labels to what Prometheus takes from a client.
func validLabel(v value, text string) bool {
	switch {
	case text == "alertname":
		v.fail("alertname is given by the alert", "another name")
	case strings.HasPrefix(text, "__"):
		v.fail("names that begin with __ are Prometheus' own", "another name")
	case !labelName.MatchString(text):
		v.fail("the label name "+quote(text), "letters, digits and _, no digit first")
	default:
		return true
	}
	return false
}

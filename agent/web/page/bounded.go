package page

import (
	"reflect"
	"unicode/utf8"

	"github.com/nakama-warden/nakama-warden/status/words"
)

// longest is how many bytes of a text are shown: a summary has 200.
const longest = 400

// bounded is a copy in which every text is of a bounded length and printable: a process may call itself by letters that run right
// to left, or by a megabyte. It is done of everything at once, so that no template can forget it.
func bounded(k Known) Known {
	// A roster may have 100,000 prefixes, and a history has no text but names. The page counts the ones and draws the others.
	day, month := k.Day, k.Month
	k.Day.Units, k.Month.Units = nil, nil
	roster := k.Host.Roster
	k.Host.Roster = append(roster[:0:0], roster...)
	for i := range k.Host.Roster {
		k.Host.Roster[i].Prefixes = nil
	}
	copied, _ := printable(reflect.ValueOf(k)).Interface().(Known)
	copied.Day, copied.Month = day, month
	return copied
}

// printable copies a value, with every text in it made fit to be shown. Fields that are private to their package stay as they are.
func printable(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(fit(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(printable(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(printable(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(printable(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for key, value := range v.Seq2() {
				out.SetMapIndex(printable(key), printable(value))
			}
		}
	}
	return out
}

// fit cuts a text and makes it safe to show.
func fit(text string) string {
	if len(text) > longest {
		end := longest
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return words.Printable(text)
}

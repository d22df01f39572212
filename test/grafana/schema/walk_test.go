package schema

import (
	"fmt"
	"iter"
)

// objects are all objects in a value, by where they are.
func objects(value any) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		for where, one := range parts("", value) {
			if object, is := one.(map[string]any); is && !yield(where, object) {
				return
			}
		}
	}
}

// texts are all texts in a value, by where they are.
func texts(value any) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for where, one := range parts("", value) {
			if text, is := one.(string); is && !yield(where, text) {
				return
			}
		}
	}
}

// parts are a value and all that is in it.
func parts(where string, value any) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if !yield(where, value) {
			return
		}
		inside := map[string]any{}
		switch value := value.(type) {
		case map[string]any:
			for key, one := range value {
				inside["."+key] = one
			}
		case []any:
			for i, one := range value {
				inside[fmt.Sprintf("[%d]", i)] = one
			}
		}
		for step, one := range inside {
			for below, part := range parts(where+step, one) {
				if !yield(below, part) {
					return
				}
			}
		}
	}
}

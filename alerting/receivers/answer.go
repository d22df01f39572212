package receivers

import (
	"errors"
	"io/fs"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/prometheus/alertmanager/notify"
	"gopkg.in/telebot.v3"
)

// accepted is the answer of a receiver that has taken an alert: what it says beyond that, no notifier tells.
const accepted = "accepted"

// temporary tells the HTTP statuses that may be another one later.
func temporary(code int) bool {
	return code/100 == 5 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// again corrects a notifier's word on whether the same may work later.
func again(retry bool, err error) bool {
	var reason *notify.ErrorWithReason
	var file *fs.PathError
	var mail *textproto.Error
	var telegram *telebot.Error
	switch {
	case errors.As(err, &file):
		return true // a secret that is not there yet
	case errors.As(err, &reason) && reason.Reason == notify.RateLimitedReason:
		return true // most say that a 429 is final
	case errors.As(err, &mail) && mail.Code >= 550 && mail.Code <= 554:
		return false // this message or its recipient, not the server, is the trouble (RFC 5321, 4.2.3)
	case errors.As(err, &telegram):
		return temporary(telegram.Code)
	}
	return retry
}

// plain puts an error into one line without secrets. URLs are left out: hooks carry their token in the path.
func plain(err error, secrets []string) string {
	text := notify.RedactURL(err).Error()
	for _, secret := range secrets {
		const tooShort = 4 // to be one, and long enough to tear words apart
		if len(secret) >= tooShort {
			text = strings.ReplaceAll(text, secret, "<secret>")
		}
	}
	return harmless(text, longestAnswer)
}

// secretsOf returns what must not be shown of a configuration: what Alertmanager's types call secret, and what stands in
// the files it names.
func secretsOf(conf any) []string {
	var found []string
	gather(reflect.ValueOf(conf), "", func(secret string) { found = append(found, secret) })
	return found
}

// partsOf returns what is secret of a URL: most receivers carry their token in the path.
func partsOf(text string, found func(string)) {
	found(text)
	u, err := url.Parse(text)
	if err != nil {
		return
	}
	if password, ok := u.User.Password(); ok {
		found(password)
	}
	const shortest = 8 // of a token; shorter words of a path are told apart from other words by nobody
	for _, part := range strings.FieldsFunc(u.Path+"/"+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/?&=", r) }) {
		if len(part) >= shortest {
			found(part)
		}
	}
}

func gather(v reflect.Value, field string, found func(string)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			gather(v.Elem(), field, found)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Secret") { // SecretURL
			if u, ok := v.Field(0).Interface().(interface{ String() string }); ok && !v.Field(0).IsNil() {
				partsOf(u.String(), found)
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				gather(v.Field(i), f.Name, found)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			gather(v.Index(i), field, found)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			gather(v.MapIndex(key), field, found)
		}
	case reflect.String:
		switch {
		case strings.HasPrefix(v.Type().Name(), "Secret"):
			partsOf(v.String(), found)
		case strings.HasSuffix(field, "File") && v.Len() > 0, strings.HasSuffix(field, "Files") && v.Len() > 0:
			if content, err := os.ReadFile(v.String()); err == nil {
				found(strings.TrimSpace(string(content)))
			}
		}
	}
}

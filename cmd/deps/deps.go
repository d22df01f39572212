// Package deps keeps dependencies until they are used.
package deps

import _ "github.com/chromedp/chromedp"

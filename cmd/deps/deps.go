// Package deps keeps dependencies until they are used.
package deps

import (
	_ "github.com/cenkalti/backoff/v5"
	_ "github.com/prometheus/alertmanager/api/v2/client"
	_ "github.com/prometheus/alertmanager/config"
	_ "github.com/prometheus/alertmanager/config/receiver"
	_ "github.com/prometheus/alertmanager/notify"
	_ "github.com/prometheus/alertmanager/template"
)

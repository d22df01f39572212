// Package deps keeps dependencies until they are used.
package deps

import (
	_ "github.com/cenkalti/backoff/v5"
	_ "github.com/gogo/protobuf/proto"
	_ "github.com/golang/snappy"
	_ "github.com/grafana/loki-client-go/loki"
	_ "github.com/grafana/loki/pkg/push"
	_ "github.com/prometheus/prometheus/model/rulefmt"
	_ "github.com/prometheus/prometheus/promql/parser"
)

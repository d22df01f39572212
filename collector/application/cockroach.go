package application

import "github.com/nakama-warden/nakama-warden/status"

// cockroachWords are the signals that operators of CockroachDB know (facts: observability). A node tells some once and
// others once per store or tenant.
func cockroachWords() vocabulary {
	wanted := map[string]metric{}
	use := func(merge func(a, b float64) float64, names ...string) {
		for _, name := range names {
			wanted[name] = metric{name: name, merge: merge}
		}
	}
	use(highest, "sys_uptime", "liveness_livenodes", "sys_rss", "sys_fd_open", "sys_fd_softlimit")
	use(sum, "ranges_unavailable", "ranges_underreplicated", "capacity", "capacity_available", "sql_conns", "storage_write_stalls")
	use(soonest, "security_certificate_expiration_ca", "security_certificate_expiration_node", "security_certificate_expiration_ui")
	wanted["clock_offset_meannanos"] = metric{name: "clock_offset_meannanos", merge: furthest, signed: true}
	return vocabulary{metrics: wanted} // the signals themselves are the mark
}

// cockroach fills in what a page of CockroachDB says. An expiration of 0 means that there is no such certificate.
func (p page) cockroach(app *status.Application) {
	app.Problem = p.problem()
	for _, certificate := range []string{"ca", "node", "ui"} {
		name := "security_certificate_expiration_" + certificate
		if p.values[name] == 0 {
			delete(p.values, name)
		}
	}
	app.Values = p.values
	if len(p.values)+len(p.doubts) == 0 {
		app.Problem = "no metric of CockroachDB's: is another program on this port?"
	}
}

func sum(a, b float64) float64 { return a + b }

// soonest is the earlier of two times, where 0 is none.
func soonest(a, b float64) float64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

func furthest(a, b float64) float64 {
	if max(a, -a) > max(b, -b) {
		return a
	}
	return b
}

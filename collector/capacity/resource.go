package capacity

// Descriptors tells how many connections fit into the limit of open files: each takes one, and what else is open stays.
// Open and connections are of one moment.
func Descriptors(limit, open, connections uint64) Resource {
	return counted("descriptors", limit, open, connections, "fewer descriptors are open than there are connections: they were not counted together")
}

// Conntrack tells how many connections of a host fit into its table of tracked connections. Entries that outlive their
// connections count as others: they are there when the next wave comes.
func Conntrack(limit, entries, connections uint64) Resource {
	return counted("conntrack", limit, entries, connections, "fewer entries than connections: not every connection is tracked")
}

func counted(name string, limit, used, connections uint64, tooFew string) Resource {
	r := Resource{Name: name, Limit: limit}
	switch {
	case limit == 0:
		r.Reason = "no limit is known"
	case used < connections:
		r.Reason = tooFew
	default:
		others := used - connections
		r.Fits = limit - min(limit, others)
		r.Expected, r.Known = r.Fits, true
	}
	return r
}

// Capacity is the resource that binds: the one into which the fewest connections fit. It is known if all are; one that is not
// known still binds if its bound is the lowest. Without resources there is nothing to know.
func Capacity(resources []Resource) Resource {
	var binding Resource
	for _, r := range resources {
		sayable := r.Known || r.Fits > 0
		if sayable && (binding.Name == "" || r.Fits < binding.Fits) {
			binding = r
		}
	}
	for _, r := range resources {
		if !r.Known {
			binding.Known, binding.Reason = false, r.Name+": "+r.Reason
			return binding
		}
	}
	if len(resources) == 0 {
		binding.Reason = "nothing that connections use up was measured"
	}
	return binding
}

package capacity

// Descriptors tells how many connections fit into the limit of open files: each takes one, and what else is open stays.
// Open and connections are of one moment.
func Descriptors(limit, open, connections uint64) Resource {
	if limit > 0 && open < connections {
		return Resource{Name: "descriptors", Limit: limit, Reason: "fewer descriptors are open than there are connections: they were not counted together"}
	}
	return counted("descriptors", limit, open, connections)
}

// Conntrack tells how many connections of a host fit into its table of tracked connections. Entries that outlive their
// connections count as others: they are there when the next wave comes. Fewer entries than connections mean that not every one is
// tracked, by a notrack rule or because it is older than the tracking. Then of those that come the table takes the same part: all
// entries, if there are no others.
func Conntrack(limit, entries, connections uint64) Resource {
	if limit > 0 && entries < connections {
		fits := whole(float64(limit) / float64(entries) * float64(connections))
		return Resource{Name: "conntrack", Limit: limit, Fits: fits, Expected: fits, Known: true}
	}
	return counted("conntrack", limit, entries, connections)
}

// counted is what fits beside others than the connections.
func counted(name string, limit, used, connections uint64) Resource {
	if limit == 0 {
		return Resource{Name: name, Reason: "no limit is known"}
	}
	fits := limit - min(limit, used-min(used, connections))
	return Resource{Name: name, Limit: limit, Fits: fits, Expected: fits, Known: true}
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

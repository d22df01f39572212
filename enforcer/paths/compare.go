package paths

import "cmp"

func compareListeners(a, b Listener) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Protocol, b.Protocol),
		a.Addr.Compare(b.Addr), cmp.Compare(a.PID, b.PID))
}

func compareTargets(a, b Target) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Protocol, b.Protocol), a.Addr.Compare(b.Addr), cmp.Compare(a.Port, b.Port))
}

package capacity

// Provision says whether there is enough for the load, with the spare that was asked for.
type Provision struct {
	Known  bool
	Ratio  float64 // capacity / peak load
	Target float64
	// Below is true where the ratio is known to be less than the target (ProvisionBelowTarget).
	Below bool
	// Generous is true where half the capacity would still reach the target.
	Generous bool
	// Suffices is the capacity that would reach the target, and SufficientMemory what that takes with 90 % certainty, in bytes;
	// 0 is unknown.
	Suffices         uint64
	SufficientMemory uint64
}

// Target is the wanted provision ratio: what was declared, or more if the rest of the nodes must carry the peak of all when the
// spare ones fail. It is false if no ratio would do, because there are no more nodes than may fail.
func Target(overprovision float64, nodes, spare int) (ratio float64, survivable bool) {
	if !(overprovision >= 1) || overprovision > 1000 {
		overprovision = 1
	}
	switch {
	case spare <= 0:
		return overprovision, true
	case nodes <= spare:
		return overprovision, false
	}
	return max(overprovision, float64(nodes)/float64(nodes-spare)), true
}

// Assess compares a capacity with the largest load of the peak window. The model, of the process or of one of several alike,
// tells what memory would suffice.
func Assess(capacity Resource, peak uint64, target float64, m Model) Provision {
	p := Provision{Target: target}
	if peak == 0 {
		return p
	}
	p.Suffices = whole(target * float64(peak))
	if known, _ := m.Known(); known {
		_, upper := m.At(float64(p.Suffices))
		p.SufficientMemory = uint64(upper)
	}
	if !capacity.Known {
		return p
	}
	p.Known = true
	p.Ratio = float64(capacity.Fits) / float64(peak)
	p.Below = p.Ratio < target
	p.Generous = p.Ratio > 2*target
	return p
}

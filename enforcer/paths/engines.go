package paths

import (
	"fmt"
	"slices"
	"strings"
)

// engine is a program that forwards packets to containers by rules of its own, and what shows that it is here.
type engine struct {
	name       string
	chains     []string // prefixes of the names of chains, or of tables
	processes  []string
	interfaces []string // prefixes
}

func knownEngines() []engine {
	return []engine{
		{"kube-proxy", []string{"KUBE-", "kube-proxy"}, []string{"kube-proxy", "k3s-server", "k3s-agent"}, []string{"kube-ipvs0"}},
		{"CNI plugins", []string{"CNI-"}, nil, []string{"cni0", "cni-podman0"}},
		{"Calico", []string{"cali-"}, []string{"calico-node"}, []string{"cali", "vxlan.calico"}},
		{"Cilium", []string{"CILIUM_"}, []string{"cilium-agent"}, []string{"cilium_", "lxc_health"}},
		{"Flannel", []string{"FLANNEL-"}, []string{"flanneld"}, []string{"flannel."}},
		{"Weave Net", []string{"WEAVE"}, []string{"weaver"}, []string{"weave"}},
		{"Antrea", []string{"ANTREA-"}, []string{"antrea-agent"}, []string{"antrea-gw"}},
	}
}

// engines names what is here, each with the first thing that shows it.
func engines(chains []chainName, processes []process, links []link) []string {
	var found []string
	for _, e := range knownEngines() {
		if evidence := e.evidence(chains, processes, links); evidence != "" {
			found = append(found, fmt.Sprintf("%s (%s)", e.name, evidence))
		}
	}
	slices.Sort(found)
	return found
}

func (e engine) evidence(chains []chainName, processes []process, links []link) string {
	for _, p := range processes {
		if p.named(e.processes) {
			return "process " + p.name
		}
	}
	for _, c := range chains {
		for _, prefix := range e.chains {
			if strings.HasPrefix(c.name, prefix) || strings.HasPrefix(c.table, prefix) {
				return "chain " + c.String()
			}
		}
	}
	for _, i := range links {
		for _, prefix := range e.interfaces {
			if strings.HasPrefix(i.name, prefix) {
				return "interface " + i.name
			}
		}
	}
	return ""
}

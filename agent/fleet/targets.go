package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/nakama-warden/nakama-warden/enforcer/policy"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v3"
)

// parseTargets reads the content of a Prometheus file_sd file, JSON or YAML by its name, and returns the addresses of its
// targets. Ports and labels are Prometheus's business; a CIDR as a target is ours.
func parseTargets(name string, content []byte) ([]netip.Prefix, error) {
	groups, err := parseGroups(name, content)
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for i, group := range groups {
		if group == nil {
			return nil, fmt.Errorf("target group %d is null; want {\"targets\": [...]}", i+1)
		}
		for j, target := range group.Targets {
			p, err := parseTarget(string(target[model.AddressLabel]))
			if err != nil {
				return nil, fmt.Errorf("target group %d, target %d: %w", i+1, j+1, err)
			}
			all = append(all, p)
		}
	}
	return union(all), nil
}

func parseGroups(name string, content []byte) ([]*targetgroup.Group, error) {
	// An empty file is one that is being written, not one without targets: that is an empty list.
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, errors.New("the file is empty; want a list of target groups ([] for none)")
	}
	var groups []*targetgroup.Group
	switch extension := strings.ToLower(filepath.Ext(name)); extension {
	case ".json":
		if err := json.Unmarshal(content, &groups); err != nil {
			return nil, err
		}
	case ".yml", ".yaml":
		if err := parseYAML(content, &groups); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("extension %q; want .json, .yml or .yaml", extension)
	}
	if groups == nil {
		return nil, errors.New("the file holds no list; want a list of target groups ([] for none)")
	}
	return groups, nil
}

func parseYAML(content []byte, groups *[]*targetgroup.Group) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(groups); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document; want one list of target groups")
	}
	return nil
}

func parseTarget(target string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(target); err == nil {
		return policy.Normalize(p), nil
	}
	addr, err := netip.ParseAddr(target)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(target)
		addr = withPort.Addr()
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address; want IP, IP:port, [IPv6]:port or a CIDR: the kernel holds addresses, and names in files are not resolved", target)
	}
	if addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q has a zone; want an address without %%%s", target, addr.Zone())
	}
	return policy.Normalize(netip.PrefixFrom(addr, addr.BitLen())), nil
}

package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// settings are the ports of a Nakama, as its files and flags set them. Its gRPC ports follow from two of these.
type settings struct {
	api     uint16
	console uint16
	metrics uint16 // 0 is off
	gossip  uint16
	rpc     uint16
}

func defaultSettings() settings {
	return settings{api: 7350, console: 7351, gossip: 7352, rpc: 7353}
}

// ports are all that such a Nakama uses.
func (s settings) ports() []uint16 {
	all := []uint16{s.api, s.api - 1, s.console, s.console - 3, s.gossip, s.rpc}
	if s.metrics != 0 {
		all = append(all, s.metrics)
	}
	return all
}

// explain finds the metrics among the ports that a Nakama listens on, and those that the settings do not explain. A
// port that it was told of but that it does not hold is not taken: the word of its arguments alone must not get the
// port of another program guarded.
func (s settings) explain(listens []uint16) (metrics uint16, others []uint16) {
	for _, port := range listens {
		switch {
		case port == s.metrics:
			metrics = port
		case !slices.Contains(s.ports(), port):
			others = append(others, port)
		}
	}
	return metrics, others
}

// readSettings reads them as Nakama does: each --config file over the one before, then the flags.
func (f *Finder) readSettings(pid int, args Arguments) (settings, []error) {
	s := defaultSettings()
	var problems []error
	for _, path := range args.flag("config") {
		text, err := f.readInside(pid, path)
		if err == nil {
			err = s.mergeFile(text)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("read the settings of nakama (process %d): %w", pid, err))
		}
	}
	s.mergeFlags(args)
	return s, problems
}

// errNotSettings carries nothing of the file: whoever starts a program can name any file as its settings, and the agent
// may be allowed to read what they are not.
var errNotSettings = errors.New("a --config file is no YAML with ports as Nakama has them")

// mergeFile takes over what a configuration file sets.
func (s *settings) mergeFile(text []byte) error {
	var file struct {
		Socket struct {
			Port *uint16 `yaml:"port"`
		} `yaml:"socket"`
		Console struct {
			Port *uint16 `yaml:"port"`
		} `yaml:"console"`
		Metrics struct {
			PrometheusPort *uint16 `yaml:"prometheus_port"`
		} `yaml:"metrics"`
		Cluster struct {
			GossipBindPort *uint16 `yaml:"gossip_bindport"`
			RPCPort        *uint16 `yaml:"rpc_port"`
		} `yaml:"cluster"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return errNotSettings
	}
	s.api = *cmp.Or(file.Socket.Port, &s.api)
	s.console = *cmp.Or(file.Console.Port, &s.console)
	s.metrics = *cmp.Or(file.Metrics.PrometheusPort, &s.metrics)
	s.gossip = *cmp.Or(file.Cluster.GossipBindPort, &s.gossip)
	s.rpc = *cmp.Or(file.Cluster.RPCPort, &s.rpc)
	return nil
}

// mergeFlags takes over what flags set. Nakama does not start with one that is no number.
func (s *settings) mergeFlags(args Arguments) {
	for name, setting := range map[string]*uint16{
		"socket.port":             &s.api,
		"console.port":            &s.console,
		"metrics.prometheus_port": &s.metrics,
		"cluster.gossip_bindport": &s.gossip,
		"cluster.rpc_port":        &s.rpc,
	} {
		for _, value := range args.flag(name) {
			if port, err := strconv.ParseUint(value, 0, 16); err == nil {
				*setting = uint16(port)
			}
		}
	}
}

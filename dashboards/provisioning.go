package dashboards

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ProviderFile is the name of what Provider returns.
const ProviderFile = "provisioning.yaml"

// Provider is what Grafana's provisioning needs to load the dashboards from a folder, as Grafana sees it. It belongs into
// provisioning/dashboards.
func Provider(folder string) ([]byte, error) {
	type options struct {
		Path string `yaml:"path"`
	}
	type provider struct {
		Name            string  `yaml:"name"`
		Folder          string  `yaml:"folder"`
		Type            string  `yaml:"type"`
		AllowUIUpdates  bool    `yaml:"allowUiUpdates"`
		DisableDeletion bool    `yaml:"disableDeletion"`
		Options         options `yaml:"options"`
	}
	text, err := yaml.Marshal(struct {
		APIVersion int        `yaml:"apiVersion"`
		Providers  []provider `yaml:"providers"`
	}{1, []provider{{Name: tag, Folder: tag, Type: "file", Options: options{folder}}}})
	if err != nil {
		return nil, fmt.Errorf("write provisioning: %w", err)
	}
	return text, nil
}

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A secret that is not there is an error of check, with its line; a daemon starts all the same.
func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	secret, file := filepath.Join(dir, "key"), filepath.Join(dir, "config.yaml")
	text := "roles: [nakama]\nalerting:\n  receivers:\n  - name: on-call\n    pagerduty_configs:\n    - url: http://x\n      routing_key_file: " + secret + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err != nil {
		t.Errorf("Load: %v", err)
	}
	_, err := Check(file)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 ||
		!strings.HasPrefix(problems[0].String(), file+":7: alerting.receivers[0].pagerduty_configs[0].routing_key_file: "+secret+": no such file") {
		t.Errorf("Check without the file: %v", err)
	}
	if err := os.WriteFile(secret, []byte("R0UTING"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(file); err != nil {
		t.Errorf("Check with the file: %v", err)
	}
}

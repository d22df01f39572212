# Everything a person or a machine runs here. `make` alone lists the targets.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

# Where Go's own instructions install it, for shells that do not look there.
export PATH := $(PATH):/usr/local/go/bin

GO       ?= go
FUZZTIME ?= 30s
BENCH    ?= .
DEMO     ?=

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: build ## a fleet in network namespaces, guarded, attacked and repaired (DEMO=--keep: leave it up)
	@bin/nakama-warden demo $(DEMO)

.PHONY: build
build: ## the static binary, into bin/
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/nakama-warden ./cmd/nakama-warden

.PHONY: test
test: ## lint, build, every test and the demo; as root also as an ordinary user
	@test/setup.sh
	@$(MAKE) lint build
	@GO='$(GO)' test/run.sh

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, the import rule
	@GO='$(GO)' test/lint.sh

.PHONY: bench
bench: build ## the budgets, each beside a peer in the same run (docs/benchmarks.md); needs nft, root for all of it
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 200x ./enforcer/kernel
	@$(GO) test -run '^$$' -bench '$(BENCH)' ./collector/capacity ./agent/history ./agent/store
	@$(GO) build -o bin/bench ./test/bench
	@bin/bench -program bin/nakama-warden

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (30s)
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' test/fuzz.sh

.PHONY: packages
packages: ## deb and rpm, for amd64 and arm64, into dist/
	@GO='$(GO)' packaging/build.sh

.PHONY: test-packages
test-packages: ## the packages in booted systemds, and the fence under a flood there; needs root on Debian
	@GO='$(GO)' test/packages/run.sh static deb install rpm boot holds arm64

.PHONY: test-grafana
test-grafana: build ## the dashboards by Grafana's own types, then every panel asked of a demo that is kept up; 20 minutes; needs npm
	@test/grafana/schema/run.sh
	@GO='$(GO)' NAKAMA_WARDEN_PROGRAM='$(CURDIR)/bin/nakama-warden' test/grafana/keep/run.sh

.PHONY: test-loki
test-loki: build ## a real Loki, killed and restarted; its first build takes minutes; needs nft
	@GO='$(GO)' NAKAMA_WARDEN_PROGRAM='$(CURDIR)/bin/nakama-warden' test/loki/run.sh

.PHONY: test-browser
test-browser: ## the pages in a real Chromium, a picture of every state kept; as root on Debian it installs one
	@test/setup.sh browser
	@GO='$(GO)' test/browser/run.sh

.PHONY: pictures
pictures: ## the screenshots in docs/images, taken anew in a real Chromium
	@test/setup.sh browser
	@GO='$(GO)' test/browser/run.sh -run '^TestPicturesOfTheDocs$$' -update

.PHONY: test-vm
test-vm: ## the deb with Debian's own kernel, under qemu; needs root on Debian
	@GO='$(GO)' test/packages/run.sh vm

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin dist

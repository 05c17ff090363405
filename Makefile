# Everything a developer or a first visitor needs; `make` alone lists it.
# Nothing is written outside this folder but the caches of pip and Go.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/done# stamps: what they stand for is not done twice
GO_CLIENT := tests/contract/cloudstack_clients/go

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Many images set it. The tests start hundreds of Pythons, and each would compile every file of ours anew.
export PYTHONDONTWRITEBYTECODE :=

##@ Begin here

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup simulator ## Set up, empty a simulated datastore live, and check where every disk is (exit 0: all as expected)
	@echo "==> the demo: database, broker, API, workers and a simulated vCenter, in a temporary folder"
	@$(BIN)/vrelocate demo

.PHONY: up
up: setup simulator ## Run everything against the simulated vCenter; its state is kept in .state
	@$(BIN)/vrelocate up --state-dir .state --scenario simulator/scenarios/demo.yaml

.PHONY: setup
setup: $(DONE)/project ## Make .venv with everything pinned (PYTHON=… names another Python >= 3.11)
	@:

.PHONY: simulator
simulator: $(BIN)/vrelocate-vcsim ## Build the simulated vCenter (Go from PATH, or from PyPI when there is none)
	@:

##@ Check and test

.PHONY: check
check: setup ## Lint, types, layers, house rules; go vet and gofmt
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/house-rules
	scripts/go -C simulator vet ./...
	scripts/go -C scripts/compose-model vet ./...
	scripts/go -C $(GO_CLIENT) vet -trimpath ./...
	scripts/gofmt-check simulator scripts tests

.PHONY: test
test: setup simulator $(BIN)/vrelocate-govc $(BIN)/compose-model $(BIN)/toxiproxy $(DONE)/clients $(BIN)/cloudstack-go-client ## Run every test: the simulator's in Go, then unit, integration, contract, chaos, e2e
	@echo "==> Go tests"
	@scripts/go-test simulator
	@echo "==> Python tests"
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: race
race: setup ## Run the simulator's tests that do many things at once under Go's race detector (needs a C compiler)
	@echo "==> Go tests under the race detector"
	@scripts/go-race simulator 'AtOnce|UnderLoad|Restart|Race|Stopped|Cancel|Session|Updates'

.PHONY: test-unit
test-unit: setup ## Run the tests that need no server: seconds
	@$(BIN)/pytest tests/unit -n 2

.PHONY: bench
bench: setup simulator $(BIN)/vrelocate-govc $(DONE)/bench ## Measure, peers beside us in one run, and write docs/benchmarks.md: some ten minutes on a quiet machine
	@$(BIN)/python -m bench.acceptance
	@$(BIN)/python -m bench.load
	@$(BIN)/python -m bench.following
	@$(BIN)/python -m bench.recovery
	@$(BIN)/python -m bench.table
	@echo "==> docs/benchmarks.md is written, from bench/results"

.PHONY: clients
clients: setup simulator $(BIN)/vrelocate-govc $(DONE)/clients $(BIN)/cloudstack-go-client ## Have CloudStack's own clients migrate, and write docs/clients.md: a minute
	@WRITE_CLIENTS_PAGE=1 $(BIN)/pytest tests/contract/cloudstack_clients
	@echo "==> docs/clients.md is written, from what they did"

.PHONY: chaos
chaos: setup simulator $(BIN)/vrelocate-govc $(BIN)/toxiproxy ## Break a whole installation for MINUTES=10 while clients work, then judge it (SEED=…, REPORT=docs/chaos.md)
	@$(BIN)/python -m tests.chaos.monkey --minutes $(or $(MINUTES),10) --seed $(or $(SEED),random) $(if $(REPORT),--report $(REPORT))

##@ Maintain

.PHONY: lock
lock: ## Pin every dependency anew, with hashes (requirements/*.txt)
	scripts/lock

.PHONY: clean
clean: ## Remove what make has made; the state folder .state stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find app workers migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

# -- how ---------------------------------------------------------------------------------------------------------------

$(BIN)/python:
	@echo "==> a virtual environment in $(VENV)"
	@scripts/venv $(VENV)

$(DONE)/requirements: requirements/dev.txt | $(BIN)/python
	@echo "==> Python packages: the versions pinned in $<, each checked against its hash"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $<
	@mkdir -p $(DONE) && touch $@

$(DONE)/bench: requirements/bench.txt $(DONE)/project
	@echo "==> what is measured beside us: $<"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $<
	@touch $@

# CloudStack's clients for the tests; the folder of scripts/collection is .venv's too.
$(DONE)/clients: requirements/clients.txt requirements/collections.txt scripts/collection $(DONE)/project
	@echo "==> CloudStack's clients, for the tests: $<, and Ansible's collection"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $<
	@scripts/collection ngine_io.cloudstack
	@touch $@

$(DONE)/project: pyproject.toml $(DONE)/requirements
	@echo "==> vrelocate itself, from this folder"
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

# The folders are in the list as well as the files: a file that was removed counts as a change.
$(BIN)/vrelocate-vcsim: $(shell find simulator -mindepth 1) requirements/go.txt | $(BIN)/python
	@echo "==> the simulated vCenter, built with $$(scripts/go env GOVERSION)"
	@scripts/go -C simulator build -trimpath -buildvcs=false -o ../$@ ./cmd/vrelocate-vcsim
	@touch $@

# govc, with which the tests judge the simulated vCenter (tests/contract/govc).
$(BIN)/vrelocate-govc: $(shell find simulator/cmd/vrelocate-govc -mindepth 1) simulator/go.mod requirements/go.txt | $(BIN)/python
	@echo "==> govc, for the tests of the simulated vCenter"
	@scripts/go -C simulator build -trimpath -buildvcs=false -o ../$@ ./cmd/vrelocate-govc
	@touch $@

# Reads docker-compose.yml as `docker compose` does: the tests have no Docker engine.
$(BIN)/compose-model: $(shell find scripts/compose-model -mindepth 1) requirements/go.txt | $(BIN)/python
	@echo "==> compose-model, for the tests of docker-compose.yml"
	@scripts/go -C scripts/compose-model build -trimpath -buildvcs=false -o ../../$@ .
	@touch $@

# cloudstack-go, for the same tests. The flags are those of `go vet` above: both use what either has compiled.
$(BIN)/cloudstack-go-client: $(shell find $(GO_CLIENT) -mindepth 1) requirements/go.txt | $(BIN)/python
	@echo "==> a program that uses cloudstack-go, for the tests of CloudStack's clients"
	@scripts/go -C $(GO_CLIENT) build -trimpath -buildvcs=false -o $(CURDIR)/$@ .
	@touch $@

# Cuts, slows and swallows connections between our processes and what they need; nothing of ours is in it.
$(BIN)/toxiproxy: $(shell find scripts/toxiproxy -mindepth 1) requirements/go.txt | $(BIN)/python
	@echo "==> toxiproxy, for the tests of lost connections"
	@scripts/go -C scripts/toxiproxy build -trimpath -buildvcs=false -o ../../$@ github.com/Shopify/toxiproxy/v2/cmd/server
	@touch $@

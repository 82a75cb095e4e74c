# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
STAMP := $(VENV)/.stamp
PYTHON_IN_VENV := $(VENV)/bin/python
IN_COLLECTION := $(PYTHON_IN_VENV) -m tools.collection_tree
RUN_PYTEST := $(PYTHON_IN_VENV) -m pytest $(PYTEST_ARGS)

# Ansible refuses to run under a locale that is not UTF-8.
export LC_ALL := C.UTF-8
# A log shows the lines of a Python program and of what it starts in the order in which they were written.
export PYTHONUNBUFFERED := 1
# The tests start the command thousands of times, and each would compile all of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## List the targets (this list)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  PYTEST_ARGS="-k zstd -x" goes to pytest in unit and integration; PYTHON=/path/to/python3 chooses the Python of .venv.'

.PHONY: venv
venv: $(STAMP)  ## Create or update .venv: the dbfleet command, the drivers and every tool

$(STAMP): pyproject.toml setup.py $(wildcard requirements/*.txt) tools/make_venv.sh tools/find_python.sh
	@tools/make_venv.sh $(VENV)
	@touch $@

.PHONY: servers
servers: $(STAMP)  ## Download every database server and reference client into the cache
	$(PYTHON_IN_VENV) -m tests.servers install all

.PHONY: demo
demo: $(STAMP)  ## Back up and restore real PostgreSQL and MariaDB servers, and prove that both sides are equal
	$(PYTHON_IN_VENV) -m tools.demo

.PHONY: test
test: $(STAMP)  ## Everything below, cheapest first; stops at the first section that fails
	@$(PYTHON_IN_VENV) -m tools.run_sections "lint changelog-lint" \
		"docs-lint ansible-lint build unit, sanity sanity-newest" "integration, molecule-default"

.PHONY: lint
lint: $(STAMP)  ## ruff, mypy, yamllint, shellcheck and the licence of every file
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict plugins/module_utils
	$(VENV)/bin/yamllint -s .
	$(VENV)/bin/shellcheck tools/*.sh .ci/run
	$(VENV)/bin/reuse lint --lines

.PHONY: changelog-lint
changelog-lint: $(STAMP)  ## The changelog's configuration and fragments
	$(IN_COLLECTION) antsibull-changelog lint

.PHONY: unit
unit: $(STAMP)  ## Tests without a server
	$(RUN_PYTEST) tests/unit

.PHONY: integration
integration: $(STAMP)  ## Tests on real servers of every version; servers are downloaded when first needed
	$(RUN_PYTEST) -n auto --dist loadfile tests/integration

.PHONY: molecule
molecule: $(STAMP)  ## The roles and playbooks on real hosts with systemd; needs root on Debian, or DBFLEET_INVENTORY
	$(PYTHON_IN_VENV) -m tests.fleet.scenarios $(SCENARIOS)

.PHONY: molecule-default
molecule-default: $(STAMP)  ## Of these the whole life of three hosts, where this machine can start hosts
	$(PYTHON_IN_VENV) -m tests.fleet.scenarios --where-possible default

.PHONY: integration-targets
integration-targets: $(STAMP)  ## The targets of ansible-test integration, on real servers
	$(PYTHON_IN_VENV) -m tools.integration_targets

.PHONY: docs-lint
docs-lint: $(STAMP)  ## The modules' documentation and every reference in it; the site, every link of it
	$(IN_COLLECTION) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --check-extra-docs-refs .
	$(PYTHON_IN_VENV) -m tools.make_docs

.PHONY: docs
docs: $(STAMP)  ## Build the documentation's site into build/docs: the guides, every module and role
	$(PYTHON_IN_VENV) -m tools.make_docs

.PHONY: ansible-lint
ansible-lint: $(STAMP)  ## Playbooks, roles and metadata, at the production profile
	$(IN_COLLECTION) ansible-lint --profile production --offline

.PHONY: build
build: $(STAMP)  ## Build the collection into dist/, install it offline elsewhere, read its documentation
	$(PYTHON_IN_VENV) -m tools.build

.PHONY: galaxy-import
galaxy-import: $(STAMP)  ## Import the built collection with Galaxy's own program, before a release
	$(PYTHON_IN_VENV) -m tools.galaxy_import

.PHONY: sanity
sanity: $(STAMP)  ## ansible-test sanity, and import and compile on every Python of a managed host
	$(PYTHON_IN_VENV) -m tools.sanity

.PHONY: sanity-newest
sanity-newest: $(STAMP)  ## The same tests of the newest ansible-core, where the machine has a Python for it
	$(PYTHON_IN_VENV) -m tools.newest_core

.PHONY: bundle
bundle: $(STAMP)  ## Make a bundle of the drivers for hosts without a network: make bundle PYTHON=3.11 ARCH=x86_64
	$(PYTHON_IN_VENV) -m tools.make_bundle $(if $(filter 3.%,$(PYTHON)),--python $(PYTHON)) $(if $(ARCH),--arch $(ARCH))

.PHONY: pyz
pyz: $(STAMP)  ## Make the command as one executable file with the drivers inside
	$(PYTHON_IN_VENV) -m tools.make_pyz

.PHONY: bench
bench: $(STAMP)  ## Measure this engine against the vendors' tools
	$(PYTHON_IN_VENV) -m bench

.PHONY: format
format: $(STAMP)  ## Rewrite the Python files in the project's format
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

.PHONY: clean
clean:  ## Remove what was built, and the tools' caches in the checkout
	rm -rf build dist .build .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## clean, and remove .venv; the cache of servers stays
	rm -rf $(VENV) *.egg-info

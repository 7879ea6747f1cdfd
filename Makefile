# Baton: everything is installed inside this folder, from hash-locked lists; nothing but Python >= 3.11 and make is needed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

# The first of these that runs and is new enough; `make PYTHON=/path/to/python3.13 setup` chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && \
	command -v "$$python" && break; done; true)
BIN := .venv/bin
# npm runs on the Node of .venv and, like pip, trusts whom the machine trusts.
NPM = env PATH="$(CURDIR)/$(BIN):$$PATH" NODE_OPTIONS="--use-system-ca $${NODE_OPTIONS:-}" npm --loglevel=error
PYTEST_ARGS ?=

# $(call step,label,command): run it quietly, print one line with its duration (not on stdout: that is a report's); on failure print all that it said.
define step
log=$$(mktemp); trap 'rm -f "$$log"' EXIT; started=$$SECONDS; \
if $(2) >"$$log" 2>&1; then printf '  %-58s %4s s\n' "$(1)" "$$((SECONDS - started))" >&2; \
else printf '  %s: failed\n' "$(1)" >&2; cat "$$log" >&2; exit 1; fi; touch $@
endef

.PHONY: help setup demo test test-faults check format bench load crash simulate mutate fuzz lock clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Install everything into .venv, .ministack, node_modules and .bundles
	@$(MAKE) -s -j4 .venv/.editable .ministack/.installed node_modules/.installed .bundles/.installed

demo: setup ## Install everything, then show three cases changing hands on the embedded AWS and EMR
	@$(BIN)/baton demo

test: setup ## Install everything, then run all tests but those of test-faults
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS) tests/unit tests/property tests/integration tests/infrastructure tests/fuzz tests/crash tests/simulation
	@$(BIN)/python -m pytest -m "not faults" $(PYTEST_ARGS) tests/stack

test-faults: setup ## Kill workers, stop the EMR, take permissions away, one after the other; takes a quarter of an hour
	@$(BIN)/python -m pytest -m faults $(PYTEST_ARGS)

check: setup ## Style, types, import contracts, that the generated files are current, and the workflows without a fault
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/baton compile --check
	@$(BIN)/baton check
	@$(BIN)/baton check --network 160
	@$(BIN)/python -m statemachines.verify.schema --check
	@$(BIN)/python -m events.schemas --check

format: setup ## Rewrite the sources in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Measure speed and memory; prints JSON
	@$(BIN)/python -m tests.benchmark

load: setup ## 160 facilities and 2,000 cases through the embedded stack, then a firehose of vital signs; takes a quarter of an hour
	@$(BIN)/python -m tests.benchmark.load $(LOAD_ARGS)

crash: setup ## Die before and after every call to AWS or the EMR; prints JSON
	@$(BIN)/python -m tests.crash $(CRASH_ARGS)

simulate: setup ## 10,000 seeded runs of disorder; prints JSON
	@$(BIN)/python -m tests.simulation --runs 10000 --jobs 2 $(SIMULATE_ARGS)

mutate: setup ## Remove every guard, one at a time, and say which test notices; takes long
	@$(BIN)/python -m tests.mutation $(MUTATE_ARGS)

fuzz: setup ## Fuzz every way in, guided by coverage (by atheris where it is installed); takes ten minutes
	@$(BIN)/python -m tests.fuzz --seconds 600 $(FUZZ_ARGS)

lock: .venv/.installed ## Resolve the dependencies again (LOCK_ARGS=--upgrade for the newest)
	@$(BIN)/python requirements/lock.py $(LOCK_ARGS)
	@$(NPM) install --package-lock-only

clean: ## Remove all that was installed or generated locally
	rm -rf .venv .ministack node_modules .bundles .baton cdk.out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed: requirements/project.txt requirements/installer.txt requirements/install.py
	@test -n "$(PYTHON)" || { echo 'Baton needs Python 3.11 or newer with its venv module (on Debian: apt install python3-venv).' \
		'If it is not on the PATH: make setup PYTHON=/path/to/python' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is not Python 3.11 or newer with its venv module" >&2; exit 1; }
	@echo 'Installing into this folder; with a slow network this takes a few minutes.' >&2
	@$(call step,Python packages (.venv),"$(PYTHON)" requirements/install.py project)

.venv/.editable: .venv/.installed pyproject.toml
	@$(call step,the baton command (.venv/bin/baton),$(BIN)/python requirements/install.py editable)

.ministack/.installed: requirements/ministack.txt requirements/install.py | .venv/.installed
	@$(call step,embedded AWS (.ministack),$(BIN)/python requirements/install.py ministack)

.bundles/.installed: requirements/lambda-core.txt requirements/lambda-fhir.txt requirements/install.py pyproject.toml | .venv/.installed
	@$(call step,packages of the Lambda functions (.bundles),$(BIN)/python requirements/install.py bundles)

node_modules/.installed: package.json package-lock.json .npmrc | .venv/.installed
	@$(call step,CDK command and embedded EMR (node_modules),$(NPM) ci)

# What a person or a machine does with this repository. `make` alone shows the list.
#
# Needs Python 3.11 or later with pip, and make; nothing else. Everything is installed into .venv from lock files with
# hashes, from whatever package index pip is configured for. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# pip runs outside and installs into .venv: Debian ships `venv` without `ensurepip`, so a .venv with a pip of its own
# cannot be counted on.
PIP    := $(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python
# Tests run on all cores and one more, since many wait for a broker or a clock: a test that needs a machine for itself is a broken test.
JOBS   ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n + 1)))
ONLY   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-full check bench lock docs clean
.DELETE_ON_ERROR:

help: ## this list
	@echo "Assayline: what make can do here"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{printf "%-18s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Assayline needs Python 3.11 or later; $(PYTHON) is older or missing. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 \
	  || { echo "$(PYTHON) has no pip. On Debian and Ubuntu: apt install python3-pip. Elsewhere: $(PYTHON) -m ensurepip"; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)

# A stamp per set of requirements: a second `make test` installs nothing.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Assayline needs into $(VENV), once (about 150 MB)"
	@$(PIP) install -qq --require-hashes -r requirements/runtime.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need into $(VENV), once"
	@$(PIP) install -qq --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.runtime ## the main job on real data, from a clean clone, in about a minute
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: check ## everything a change must pass: checks, tests, coverage
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-report= --durations=15
	@echo "What is not covered: $(BIN)/coverage report --skip-covered --show-missing"

check: $(VENV)/.dev ## style, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-full: check ## the tests and the slow sweeps: every part deleted in turn, every hostile input, large tables
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "slow or not slow" --cov --cov-report=

bench: $(VENV)/.dev ## measure and rewrite docs/benchmarks.md; `make bench ONLY=speed` for one of them
	$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))
	$(BIN)/python benchmarks/page.py

docs: $(VENV)/.dev ## rewrite the pages that are made from the code and from benchmark results
	$(BIN)/python docs/make_pages.py
	$(BIN)/python benchmarks/page.py

# Compiled on the oldest Python we support; a lock holds the hashes of the wheels of all of them.
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: $(VENV)/.dev ## raise the locked versions (requirements/*.txt)
	CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade --extra duckdb --extra lineage -o requirements/runtime.txt pyproject.toml requirements/build.in
	CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade --all-extras -c requirements/runtime.txt -o requirements/dev.txt \
	  pyproject.toml requirements/build.in requirements/dev.in

clean: ## remove everything make has made
	rm -rf $(VENV) demo build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/*.egg-info

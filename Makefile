# Everything runs in .venv, which `make install` builds from the locks; docs/installation.md explains it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.DELETE_ON_ERROR:
.PHONY: help install run test checks test-slow bench docs site lock clean clean-runs clean-venv browser

UV_VERSION := 0.13.9
PROFILE ?= full
# `make test BROWSER=no` leaves out the tests that need chromium.
BROWSER ?= yes
# Processes that run the quick tests, a file of tests in one of them.
WORKERS ?= 2
# `make lock LOCK_OPTIONS=--upgrade` takes the newest versions; without it only what must change does.
LOCK_OPTIONS ?=

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.installed

# Containers often forbid bytecode. Without it each process compiles three thousand modules anew, for some six seconds.
unexport PYTHONDONTWRITEBYTECODE

# uv does not read pip's settings. Whoever points pip at local wheels or at a mirror, by environment or pip.conf, means uv too.
define PIP_SETTINGS_FOR_UV
configured() { $(BIN)/pip config get "global.$$1" 2>/dev/null || true; }
find_links="$${UV_FIND_LINKS:-$${PIP_FIND_LINKS:-$$(configured find-links)}}"
index="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$(configured index-url)}}"
if [ -n "$$find_links" ]; then export UV_FIND_LINKS="$$find_links"; fi
if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi
endef

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Build .venv from the locks (does nothing when it is up to date)

# 3.11 first: it is the version that the lock is made for.
$(BIN)/python:
	@for python in $${PYTHON:-} python3.11 python3.12 python3.13 python3; do
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			echo "Creating $(VENV) with $$("$$python" --version)"
			exec "$$python" -m venv $(VENV)
		fi
	done
	echo "No Python >= 3.11 with its venv module was found." >&2
	echo "Hint: apt-get install python3.11 python3.11-venv, or name one: make install PYTHON=/path/to/python3.11" >&2
	exit 1

# torch tells which build it is: only a CUDA build wants the second lock (several GB).
$(STAMP): requirements.lock requirements-cuda.lock pyproject.toml requirements.in | $(BIN)/python
	@echo "Installing the locked packages into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(PIP_SETTINGS_FOR_UV)
	$(UV) pip sync --quiet --python $(BIN)/python requirements.lock
	if $(BIN)/python -c 'import pathlib, runpy, sys, sysconfig; \
		version = pathlib.Path(sysconfig.get_path("platlib"), "torch", "version.py"); \
		sys.exit(runpy.run_path(str(version))["cuda"] is None)'; then
		$(UV) pip install --quiet --python $(BIN)/python --no-deps -r requirements-cuda.lock
	fi
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

run: install ## Run the pipeline on the default scenario (PROFILE=full|smoke); prints the report's path
	$(BIN)/pvbesscar run --profile $(PROFILE)

test: checks browser ## Check style, types and imports, then run the quick tests
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow$(if $(filter no,$(BROWSER)), and not browser)"

checks: install
	$(BIN)/ruff check --quiet --output-format concise
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports

test-slow: install browser ## Run the slow tests
	$(BIN)/pytest -m "slow$(if $(filter no,$(BROWSER)), and not browser)"

# The browser tests drive Debian's chromium; a missing one is installed by root and named to everybody else.
browser:
	@if [ "$(BROWSER)" = no ] || { command -v chromium && command -v chromedriver; } >/dev/null; then exit 0; fi
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		export DEBIAN_FRONTEND=noninteractive
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } </dev/null && exit 0
	fi
	echo "The browser tests need chromium and chromedriver, which are not installed." >&2
	echo "Hint: apt-get install chromium chromium-driver (as root), or leave these tests out: make $(MAKECMDGOALS) BROWSER=no" >&2
	exit 1

bench: install ## Run the benchmarks
	@found=0
	for script in benchmarks/*.py; do
		[ -e "$$script" ] || break
		found=1
		echo "== $$script"
		$(BIN)/python "$$script"
	done
	[ $$found = 1 ] || { echo "benchmarks/ holds no benchmark." >&2; exit 1; }
	$(BIN)/python -m tools.docs.stamps

docs: install ## Write the pages that are made from the code
	$(BIN)/python -m tools.docs.pages

site: install ## Build the documentation as pages that open from the disk, below build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	echo build/site/index.html

# Without find-links, so that the lock names the registry's torch and, apart, what its CUDA build wants.
# The old locks go in first: uv keeps their versions where it can.
lock: $(BIN)/python ## Make the locks from requirements.in and overrides.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(PIP_SETTINGS_FOR_UV)
	mkdir -p build
	cat requirements.lock requirements-cuda.lock > build/requirements.txt 2>/dev/null || true
	env -u UV_FIND_LINKS $(UV) pip compile requirements.in --override overrides.txt --output-file build/requirements.txt \
		--python $(BIN)/python --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header --quiet $(LOCK_OPTIONS)
	awk '/^[^ ]/ { cuda = /^(nvidia-|cuda-|triton==)/ } { print > ("build/" (cuda ? "cuda" : "all") ".lock") }' build/requirements.txt
	mv build/all.lock requirements.lock
	mv build/cuda.lock requirements-cuda.lock

clean: ## Remove what the tools left (caches, build/)
	rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .numba_cache
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

clean-runs: ## Remove what runs wrote: datasets, checkpoints, outputs (input files in data/interim/oe2 stay)
	rm -rf outputs data/processed data/interim/canonical .prefect
	find checkpoints -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +

clean-venv: ## Remove .venv
	rm -rf $(VENV)

# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv themselves, once.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test bench bench-solvers fuzz lint types format clean

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check -c constraints.txt

# The first Python that is new enough; `make PYTHON=python3.12 …` overrules.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

# Two processes: the kernels that tests compile are shared through the cache on disk.
PYTEST_ARGS ?= -n 2 --dist worksteal
ARGS ?=

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Stamps: $(VENV)/.run says "package and its dependencies are installed", .dev adds the tools.
# A second call installs nothing unless pyproject.toml or constraints.txt changed.
$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(PY)
	@echo "installing the package into $(VENV) (once; a minute or two)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(PY)
	@echo "installing the package and its tools into $(VENV) (once; a minute or two)"
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/.run $@

demo: $(VENV)/.run ## the six models end to end: derive, print, compile, check, fit, report
	@$(BIN)/derive demo $(ARGS)

test: $(VENV)/.dev ## run all tests
	@$(PY) -m pytest $(PYTEST_ARGS) $(ARGS)

bench: $(VENV)/.dev ## time deriving, printing and kernels
	@$(PY) -m tests.bench $(ARGS)

bench-solvers: $(VENV)/.dev ## time the solvers against their peers (those that are installed)
	@$(PY) -m tests.bench solvers $(ARGS)

fuzz: $(VENV)/.dev ## 20,000 random expressions against the reference; goes on where it stopped
	@$(PY) -m tests.fuzz $(ARGS)

lint: $(VENV)/.dev ## style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(MAKE) --no-print-directory types

# From this folder mypy cannot see that kernels/ is derive.kernels, so it gets a copy laid out as installed.
types: $(VENV)/.dev ## mypy strict
	@rm -rf .typed && mkdir -p .typed && cp -R derive .typed/derive && cp -R kernels .typed/derive/kernels
	@cd .typed && ../$(PY) -m mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache -p derive

format: $(VENV)/.dev ## put the sources into the common format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

clean: ## remove the environment, builds and caches
	rm -rf $(VENV) build dist .typed .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find derive kernels tests -name __pycache__ -type d -prune -exec rm -rf {} +

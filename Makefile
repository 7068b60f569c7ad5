# Two commands need nothing but Python 3.11 or newer: `make demo` and `make test`. Both make .venv and install into it,
# once; a change of pyproject.toml or constraints.txt installs again.

PYTHON  ?= python3
WORKERS ?= 2

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  PYTHON=python3.12  the interpreter .venv is made with (3.11 or newer)"
	@echo "  WORKERS=4          processes that run the tests (0: one after the other)"

demo: $(VENV)/.offline  ## install, then the main job on the bundled example (exit 3, undecided, is an answer too)
	$(BIN)/advisor demo || [ $$? -eq 3 ]

test: check  ## install, then linters, types, import contract and all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

check: $(VENV)/.dev  ## linters, types and the import contract only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove .venv, caches and builds; run folders stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find advisor strategies probes tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp stands for a finished installation; what [dev] installs contains what [offline] does.

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.offline $@

$(VENV)/.offline: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[offline]'
	@touch $@

# Order: a .venv that could not be finished is removed, so that the next try starts anew.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "make: there is no '$(PYTHON)' here. Install Python 3.11 or newer, or name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: '$(PYTHON)' is $$($(PYTHON) --version 2>&1), and 3.11 or newer is needed. Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "making $(VENV) and installing PyTorch, transformers and the rest: a few minutes, about 2 GB"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "make: '$(PYTHON) -m venv' failed. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }

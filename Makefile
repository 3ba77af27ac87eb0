.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install lint test test-faults demo bench lock clean

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

install: $(VENV)/.installed  ## install into .venv from the lock file

demo: install  ## a sample day through real Kafka and PostgreSQL, then what came out
	$(BIN)/hotline demo

lint: install  ## format, lint, strict types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint  ## lint, types and the tests (a short part of the faults included)
	$(BIN)/pytest -q -n 2 --dist loadfile --durations=15

test-faults: install  ## the long fault suites
	$(BIN)/pytest -q -m long --timeout 1800 tests

bench: install  ## the benchmarks beside their peers; prints the tables of bench/README.md
	$(BIN)/python -m bench

lock: install  ## write requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-annotate -o requirements.lock

clean:  ## remove what was built here (the download cache stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

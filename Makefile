# Every target sets up what it needs: a machine with Python 3.11 to 3.14 and make is enough.
# PYTHON=... chooses the interpreter, VENV=... the environment, JOBS=... the test workers,
# ARGS=... what is handed on to `osler demo`, pytest or the benchmarks.

VENV ?= .venv
JOBS ?= 2
ARGS ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
# `JOBS` workers share the cores already; a pool of threads in each would only fight over them.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 POLARS_MAX_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint format types contract docs bench lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(DEVELOPMENT) ## Install osler and all development tools into .venv

demo: $(RUNTIME) ## Run osler on the cohort that ships with it, from nothing to two reports
	@$(BIN)/osler demo $(ARGS)

test: $(DEVELOPMENT) ## Run the whole test suite
	@$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(DEVELOPMENT) ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(DEVELOPMENT) ## Mend style and format where a machine can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(DEVELOPMENT) ## Check types
	@$(BIN)/mypy

contract: $(DEVELOPMENT) ## Check that imports point one way
	@$(BIN)/lint-imports

docs: $(DEVELOPMENT) ## Build the site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(DEVELOPMENT) ## Run the benchmarks and print the tables of docs/benchmarks.md
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(DEVELOPMENT) ## Resolve requirements/ anew; needs uv on the path
	@uv pip compile $(LOCK) pyproject.toml --extra genome --group build -o requirements/runtime.txt
	@uv pip compile $(LOCK) pyproject.toml --extra genome --group dev -c requirements/runtime.txt \
		-o requirements/dev.txt

# Wheels only, one version for every Python from 3.11 on, and no address of any index.
LOCK := --universal --python-version 3.11 --fork-strategy fewest --only-binary :all: \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --quiet

clean: ## Remove the environment, caches and everything built
	rm -rf $(VENV) site dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.hypothesis benchmarks/work
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@python=$$(PYTHON="$(PYTHON)" sh tools/find_python.sh) && \
		echo "making $(VENV) with $$python" >&2 && "$$python" -m venv --clear $(VENV)

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing osler into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): requirements/dev.txt $(RUNTIME)
	@echo "installing the development tools into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

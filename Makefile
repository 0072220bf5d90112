# Each target does its own set-up in .venv and writes nothing outside the clone but pip's cache.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(CURDIR)/.cache
export MPLBACKEND := Agg
export MPLCONFIGDIR := $(CACHE)/matplotlib
export XDG_CACHE_HOME := $(CACHE)/xdg
export XDG_CONFIG_HOME := $(CACHE)/xdg
export NUMBA_CACHE_DIR := $(CACHE)/numba
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check nightly bench pipelines docs ui clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed  ## install everything into .venv

# pip's own cache keeps its usual place, so that the second clone on a machine installs in a minute.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d. Run make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	env -u XDG_CACHE_HOME -u XDG_CONFIG_HOME $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[pipeline,dev]'
	touch $@

demo: setup  ## the whole pipeline on eight photographs: prepare, train, evaluate, submission zip, predict
	$(BIN)/python -m pipelines.demo

test: setup  ## all tests of the first tier
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

check: setup docs  ## format, lint, types, import contract, compiled pipelines, links of the documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pipelines.compile --check

nightly: setup  ## the long tests; their figures go into docs/
	$(BIN)/python -m pytest -m 'nightly'

bench: setup  ## measure the parts, as ratios
	$(BIN)/python -m benchmarks

pipelines: setup  ## compile the pipelines for the KFP UI
	$(BIN)/python -m pipelines.compile

docs: setup  ## the documentation as a site in outputs/site
	$(BIN)/python -m mkdocs build --strict --quiet

ui: setup  ## open MLflow on the demo's runs
	$(BIN)/mlflow ui --backend-store-uri sqlite:///outputs/demo/mlflow.db --host 127.0.0.1 --port 5000

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(CACHE) outputs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

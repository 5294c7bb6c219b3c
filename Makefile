# Needs Python 3.11 or newer, make and a package index; everything else goes into $(VENV).
PYTHON ?= python3.11
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin

.PHONY: demo test check format bench docs nightly faults build clean

demo: $(VENV)/.installed  ## from nothing to a tested model of handwritten digits, in two minutes
	$(BIN)/phoropter run digits --budget 2m

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/python tools/licences.py

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev  ## writes the generated pages anew; a test fails when they are stale
	$(BIN)/python tools/cli_docs.py
	$(BIN)/python tools/recipe_docs.py
	$(BIN)/python tools/model_docs.py
	$(BIN)/python tools/finding_pages.py

bench: $(VENV)/.installed-dev
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

nightly: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 -m nightly $(ARGS)

faults: $(VENV)/.installed-dev  ## planted faults, an hour on two cores; DATA is a folder of image sets
	$(BIN)/python benchmarks/faults/run.py --data "$(DATA)" --results faults.jsonl --jobs 2 $(ARGS)
	$(BIN)/python benchmarks/faults/report.py faults.jsonl

build: $(VENV)/.installed-dev
	$(BIN)/python -m build

clean:
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[weights,export]'
	touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml
	$(BIN)/python tools/group.py dev > $(VENV)/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]' -r $(VENV)/dev.txt
	touch $@ $(VENV)/.installed

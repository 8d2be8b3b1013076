# One command each, on a machine with Python 3.11 or newer, make and a package index.
PYTHON ?= python3
WORKERS ?= 2
STREAMLIT_ARGS ?=
PYTEST_ARGS ?=

APP := .venv/bin/python
LIGHT := .venv-light/bin/python
HEAVY := .venv-heavy/bin/python

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help app lake test test-light test-heavy test-slurm lint docs bench organism clean

help:
	@echo "make app    set up, build the lake and start the workbench"
	@echo "make test   set up, check the code and run every test"
	@echo "make test-slurm   try sweeps on a real SLURM (scripts/start_slurm.sh starts one)"
	@echo "make lint   check the code only      make docs   write the generated parts of the README"
	@echo "make lake   build the lake only      make bench  measure speed and memory"
	@echo "make organism   train the model organism anew and compare it with the shipped scores"
	@echo "make clean  remove environments, built files and caches"

# An environment is made anew when what it is made from changes, so that nothing old stays in it.
# $(1): folder, $(2): requirement files
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=<path to it>")'
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet $(foreach file,$(2),-r $(file))
	$(1)/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@
endef

.venv/.stamp: requirements.txt
	$(call environment,.venv,requirements.txt)

.venv-light/.stamp: requirements.txt requirements-dev.txt
	$(call environment,.venv-light,requirements-dev.txt)

.venv-heavy/.stamp: requirements.txt requirements-heavy.txt requirements-dev.txt
	$(call environment,.venv-heavy,requirements-heavy.txt requirements-dev.txt)

app: lake
	$(APP) -m streamlit run streamlit_app.py $(STREAMLIT_ARGS)

lake: .venv/.stamp
	$(APP) -m cape build

# The heavy environment (several GB to fetch and install) is built only where there is heavy code to test.
test: lint test-light $(if $(wildcard cape/internals cape/organism),test-heavy)

# Tests are dealt out by file, so that the browser tests of one file share one worker and one server.
test-light: .venv-light/.stamp
	CAPE_ENV=light $(LIGHT) -m pytest -n $(WORKERS) --dist loadfile -m "not heavy" $(PYTEST_ARGS)

test-heavy: .venv-heavy/.stamp
	CAPE_ENV=heavy $(HEAVY) -m pytest -m "heavy and not slurm" $(PYTEST_ARGS)

# Needs a SLURM that answers: as root, `scripts/start_slurm.sh --install` and then `export SLURM_CONF=...` as it says.
test-slurm: .venv-heavy/.stamp
	CAPE_ENV=heavy CAPE_SLURM=1 $(HEAVY) -m pytest -m slurm $(PYTEST_ARGS)

lint: .venv-light/.stamp
	$(LIGHT) -m ruff check .
	$(LIGHT) -m ruff format --check .
	$(LIGHT) -m mypy
	.venv-light/bin/lint-imports --no-cache
	.venv-light/bin/sqlfluff lint sql

docs: .venv-light/.stamp
	$(LIGHT) scripts/write_docs.py

bench: .venv-light/.stamp
	$(LIGHT) scripts/benchmark.py

# Into build/organism; finished models there are kept, so that a cancelled run goes on.
organism: .venv-heavy/.stamp
	$(HEAVY) scripts/train_organism.py --workers $(WORKERS) --out build/organism

clean:
	rm -rf .venv .venv-light .venv-heavy *.egg-info build dist artifacts htmlcov .coverage .coverage.*
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf lake/built lake/cape.duckdb

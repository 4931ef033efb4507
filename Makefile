# Two commands do everything: `make demo` and `make test`. Both create .venv when it is not there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Test files at once, in their order, which leaves no long one for the end; each process takes up to 3 GB.
JOBS ?= 2
# Not empty: pytest and the processes that it starts measure what they cover, for `make coverage`.
COVERAGE ?=
PYTEST := $(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-slow fuzz check lint types fast-tests coverage docs format clean help

help:
	@echo "make demo       install and run the whole path on handwritten digits"
	@echo "make test       install, then lint, types and all tests but the slow ones"
	@echo "make test-slow  install, then the slow tests"
	@echo "make fuzz       install, then some 200,000 hostile files; SEED=N makes others"
	@echo "make check      lint, types and tests, in an environment that is there"
	@echo "make coverage   report what was covered since the last report; COVERAGE=1 before \`make test\` measures it"
	@echo "make docs       install, then build the documentation site: build/docs/index.html"
	@echo "make clean      remove what the build and the tests leave (not .venv)"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else f"Python {sys.version.split()[0]} is not supported: use 3.11 to 3.13, as in `make PYTHON=python3.12 $(MAKECMDGOALS)`")'
	$(PYTHON) -m venv $(VENV)

# The stamps follow the files that say what to install, so that a pull with new dependencies installs them.
$(VENV)/.installed-all: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	@touch $@ $(VENV)/.installed-all

$(VENV)/.installed-docs: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,docs]'
	@touch $@ $(VENV)/.installed-all

demo: $(VENV)/.installed-all
	$(BIN)/sqnxt-tf demo --force

test: $(VENV)/.installed-dev
	$(MAKE) check

test-slow: $(VENV)/.installed-dev
	$(PYTEST) -m slow

# Ten times as many hostile files as the slow tests make (of .keras as many); SEED=N makes others.
fuzz: $(VENV)/.installed-dev
	SQNXT_TF_FUZZ=10 SQNXT_TF_FUZZ_SEED=$(or $(SEED),0) $(PYTEST) -m fuzz

# Without a network, warnings as errors.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going --quiet --builder html docs build/docs

check: lint types fast-tests

lint:
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types:
	$(BIN)/python -m mypy sqnxt_tf base/sqnxt_base export/sqnxt_export simulator/sqnxt_sim tests/helpers \
		$(shell find tests -name conftest.py)

fast-tests:
	$(PYTEST)

# Fails below the floor in pyproject.toml. What the runs have left goes into the report and is not counted again.
coverage:
	-$(BIN)/python -m coverage combine --quiet  # a killed process may leave a damaged file, which is passed over
	$(BIN)/python -m coverage report

format:
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

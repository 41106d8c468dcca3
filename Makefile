# genbench: `make demo` and `make test` are all a newcomer needs; both set everything up on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := benchmarks/.peers
FAMILIES := models/ddpm models/cgan models/dann

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install tools demo test test-all lint audit format bench peers docs dist clean

help:
	@echo "make demo      compare two model families on built-in data (about 5 minutes)"
	@echo "make test      the test suite"
	@echo "make test-all  the test suite with the slow tests"
	@echo "make tools     Chromium and LaTeX for the tests that use them (Debian, as root)"
	@echo "make lint      style, security checks, types and import rules"
	@echo "make audit     known vulnerabilities of what is installed (asks the network)"
	@echo "make bench     genbench against its peers, side by side (BENCH='training --quick' chooses)"
	@echo "make docs      the documentation, in site/"
	@echo "make dist      wheels of genbench and its families, in dist/"

install: $(STAMP)

$(STAMP): constraints.txt pyproject.toml $(FAMILIES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "genbench needs Python 3.11 or newer: set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt hatchling editables
	$(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev,docs]' $(FAMILIES:%=--editable %)
	touch $@

# Chromium and LaTeX, for the tests that look at reports and compile tables; without them those tests are skipped.
tools:
	@if command -v chromium pdflatex >/dev/null 2>&1 && command -v pdflatex >/dev/null; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ timeout 300 apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 600 apt-get install -y -qq --no-install-recommends \
			chromium texlive-latex-recommended >/dev/null; } || echo "make tools: the tests that need Chromium or LaTeX will be skipped" >&2; \
	else echo "make tools: install chromium and texlive-latex-recommended, or their tests are skipped" >&2; fi

demo: install
	$(BIN)/genbench compare ddpm cgan --dataset digits --preset quick --name demo
	@echo
	@echo "Tables: results/demo/table.csv, table.tex, table.md; pictures: results/demo/samples.png"
	@echo "The MLflow UI with every run: $(BIN)/genbench ui"

# The networks of the tests are too small for a second thread, and on a busy machine threads wait for one another.
test test-all: export OMP_NUM_THREADS ?= 1

test: install
	$(BIN)/python -m pytest

test-all: install
	$(BIN)/python -m pytest -m ''

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy genbench $(foreach family,ddpm cgan dann,models/$(family)/genbench_$(family))
	$(BIN)/lint-imports

# Needs the network, for pip-audit itself and for the advisories that it asks for; so it is no part of `lint`.
audit: install
	$(BIN)/pip install --quiet pip-audit
	$(BIN)/pip-audit --skip-editable

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# BENCH is handed on: make bench BENCH="training sampling --quick"
bench: install peers
	$(BIN)/python -m benchmarks.bench $(BENCH)

# What genbench is compared with, from PyPI, in an environment that knows nothing of genbench.
peers: $(PEERS)/.installed

$(PEERS)/.installed: constraints.txt benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --constraint constraints.txt --requirement benchmarks/peers/requirements.txt
	touch $@

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

dist: install
	rm -rf dist
	for project in . $(FAMILIES); do $(BIN)/python -m build --wheel --no-isolation --outdir dist $$project || exit 1; done

clean:
	rm -rf $(VENV) $(PEERS) dist build site .mypy_cache .ruff_cache .pytest_cache

# `make demo` shows what evenhand does, `make test` checks that it does it, `make docs` builds the site into site/.
# All work inside .venv, which they make; versions are those of constraints.txt.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
INSTALL := $(RUN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test docs install install-dev install-docs lint format clean

demo: install
	$(RUN)/evenhand demo

test: install-dev lint
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -n 2 --dist worksteal

lint: install-dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

docs: install-docs
	NO_MKDOCS_2_WARNING=1 $(RUN)/python -m mkdocs build --strict
	@echo "Open site/index.html"

format: install-dev
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev
install-docs: $(VENV)/.installed-docs

$(RUN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "evenhand needs Python 3.11 to 3.13. Name one with: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(RUN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: $(RUN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	touch $(VENV)/.installed $(VENV)/.installed-docs $@

$(VENV)/.installed-docs: $(RUN)/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[docs]'
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache

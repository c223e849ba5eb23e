# Everything a newcomer needs: `make demo` to see it run, `make test` and `make check` to change it.
# All that is installed goes into .venv, all that is stored into var; both can be deleted at any time.

VENV := .venv
RUN := $(VENV)/bin
PIP := $(RUN)/python -m pip --disable-pip-version-check --quiet --quiet
# Written once an install is complete: with them a second run starts at once.
RUNTIME := $(VENV)/.dingkao-runtime
DEVELOPMENT := $(VENV)/.dingkao-development

# Tests start many processes: where nobody may keep what was compiled, each of them compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test check schema docs bench fuzz explorer

help:
	@echo 'make demo        a demo province on 127.0.0.1:8000; a second run keeps its data'
	@echo 'make demo-reset  the same, with the data of earlier runs deleted'
	@echo 'make test        the whole test suite, on SQLite and on PostgreSQL'
	@echo 'make check       style, types, the arrows between packages, schema.graphql and what it breaks'
	@echo 'make schema      write schema.graphql anew'
	@echo 'make docs        write the generated parts of docs/ anew'
	@echo 'make bench       CPU time of four operations on 100,000 made-up doctors'
	@echo 'make fuzz        every field of the schema asked with generated values, as each kind of account'
	@echo 'make explorer    build the GraphQL explorer'

demo: $(RUNTIME) explorer
	@$(RUN)/dingkao demo

demo-reset: $(RUNTIME) explorer
	@$(RUN)/dingkao demo --reset

test: $(DEVELOPMENT) explorer
	@$(RUN)/python -m pytest -n 2 --dist worksteal $(TESTS)

check: $(DEVELOPMENT)
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/dingkao schema --check schema.graphql
	@$(RUN)/dingkao schema --against released/schema.graphql --changelog CHANGELOG.md
	@$(RUN)/python docs/build.py --check

schema: $(RUNTIME)
	@$(RUN)/dingkao schema --output schema.graphql

docs: $(RUNTIME)
	@$(RUN)/python docs/build.py

bench: $(DEVELOPMENT)
	@$(RUN)/python bench/requests.py

fuzz: $(DEVELOPMENT)
	@$(RUN)/python bench/fuzz.py

explorer: $(RUNTIME)
	@$(RUN)/python -m dingkao.web.explorer.build

$(VENV)/bin/python:
	@python=; \
	for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo 'make: no Python 3.11 or later was found; install one, or name it: make demo PYTHON=/path/to/python3' >&2; exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "make: $$python cannot make virtual environments; install its venv package (Debian: apt install python3-venv)" >&2; exit 1; \
	fi; \
	echo "making $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): pyproject.toml | $(VENV)/bin/python
	@echo 'installing (about a minute the first time)'
	@$(PIP) install --editable .
	@touch $@

$(DEVELOPMENT): pyproject.toml | $(VENV)/bin/python
	@echo 'installing with the tools for tests and checks (about a minute the first time)'
	@$(PIP) install --editable '.[dev]'
	@touch $(RUNTIME) $@

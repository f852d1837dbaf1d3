# Everything a developer types. `make` alone prints this list.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
MEMBERS := services/bot services/worker services/sandbox
SOURCES := src services tests bench

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

# A new pin or a new member makes the environment again; nothing else does.
$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . $(MEMBERS:%=-e %)
	touch $@

.PHONY: setup
setup: $(STAMP) ## Make the virtual environment with everything in it

.PHONY: requirements
requirements: $(STAMP) ## Pin the dependencies anew (hashed, without addresses)
	$(BIN)/python requirements/compile.py

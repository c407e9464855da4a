# make run      everything on this machine: dashboard, API, workers, a demo receiver; Ctrl-C stops it
# make test     the whole suite, on the database and broker that DATABASE_URL and REDIS_URL name (default: SQLite)
# make install  just the environment in .venv, tests included
# make lint     what .ci/run checks besides the tests; make format mends what can be mended
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/installed
# Further arguments for pytest: make test PYTEST_ARGS="tests/webhooks -x"
PYTEST_ARGS ?=

.DEFAULT_GOAL := run
.PHONY: run test install lint types format clean

install: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	touch $@

run: install
	@$(BIN)/python scripts/run.py

test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 2 $(PYTEST_ARGS)

types: install
	$(BIN)/mypy

lint: install types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	find templates -name '*.html' | xargs -r $(BIN)/djade --check --target-version 5.2
	$(BIN)/python manage.py makemigrations --check --dry-run

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find templates -name '*.html' | xargs -r $(BIN)/djade --target-version 5.2

# Keeps var/, where the data is.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov

# Slipway. On a machine with python3 (3.11 or later), make and git: `make run`.
# Every target makes the environment it needs; the second time that costs nothing.

PYTHON ?= python3
RUN := .venv/bin/python
LOCK := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.PHONY: help run test conformance check bench chaos lock reset install install-dev

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

install:
	@$(PYTHON) config/install.py

install-dev:
	@$(PYTHON) config/install.py --dev

run: install ## Start everything; Ctrl-C stops it (HOST, PORT, SLIPWAY_HOME, …: docs/configuration.md)
	@exec $(RUN) manage.py up

test: install-dev ## The tests, two files at a time (ARGS=… goes to pytest; -n 0: one by one)
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

conformance: install-dev ## Real clients against a running Slipway
	$(RUN) -m pytest tests/conformance $(ARGS)

check: install-dev ## Style, types, layers, migrations, schemas
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy .
	$(RUN) -c "from importlinter.cli import lint_imports_command as run; run()"
	$(RUN) manage.py makemigrations --check --dry-run
	$(RUN) -m check_jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(RUN) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml

bench: install-dev ## What we claim about speed, measured (ARGS="start hotpath peers"; needs wrk)
	$(RUN) -m benchmarks $(ARGS)

chaos: install-dev ## Kill everything under load, then hold the answers against the log (ARGS="--rounds 200")
	$(RUN) -m benchmarks.chaos $(ARGS)
	$(RUN) -m benchmarks.chaos_webhooks $(ARGS)

lock: install-dev ## Pin what requirements*.in name
	$(LOCK) requirements-uv.in -o requirements-uv.txt
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

reset: ## Throw away ./var: database, models, log-ins
	@$(PYTHON) -c "import fcntl, pathlib, shutil, sys; home = pathlib.Path('var'); lock = home / 'run' / 'up.lock'; \
	file = lock.open('a') if lock.exists() else None; \
	file and fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB); shutil.rmtree(home, ignore_errors=True)" \
	|| { echo "Slipway is running from ./var: stop it first." >&2; exit 1; }

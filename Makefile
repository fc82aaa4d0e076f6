# Everything a newcomer or CI needs: `make demo`, `make test`. Each target sets up what it lacks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
DEMO_FLAGS ?=
BENCH_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: bench-boards bench-queries help setup debian demo test test-clients test-faults check format docs build bench-overhead bench-admin bench-tail bench-import bench-start bench-intake bench-hostile soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
	  else \
	    echo "make: Python's venv module is missing: ask for the Debian package python3-venv (apt-get install python3-venv), then run make again." >&2; exit 1; \
	  fi; }
	@echo "setting up $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP) ## the virtual environment with everything in it

debian: ## Prometheus, Chromium and openssl from Debian, where this user may install them
	@missing=""; \
	command -v prometheus >/dev/null || missing="$$missing prometheus"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	[ -z "$$missing" ] && exit 0; \
	if command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then \
	  echo "installing Debian packages:$$missing"; \
	  run=""; [ "$$(id -u)" = 0 ] || run="sudo -n"; \
	  policy=""; [ -e /usr/sbin/policy-rc.d ] || { policy=1; printf '#!/bin/sh\nexit 101\n' | $$run tee /usr/sbin/policy-rc.d >/dev/null; $$run chmod +x /usr/sbin/policy-rc.d; }; \
	  $$run apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$run apt-get install -y -qq --no-install-recommends $$missing >/dev/null; code=$$?; \
	  [ -z "$$policy" ] || $$run rm -f /usr/sbin/policy-rc.d; exit $$code; \
	else \
	  echo "not installed, and this user may not install them:$$missing (apt-get install$$missing)" >&2; \
	fi

demo: $(STAMP) debian ## the whole stack with sample services and load; Ctrl-C stops it
	@exec $(BIN)/spanwise demo $(DEMO_FLAGS)

# A test that fails once is run once more, and both runs stay in the output: hundreds of them start real processes.
test: $(STAMP) debian ## all tests but the slow fault tests
	@rm -f .pytest_cache/v/cache/lastfailed; $(PYTEST) -m "not faults" -n auto --dist loadfile && exit 0; code=$$?; [ $$code -eq 1 ] || exit $$code; \
	echo "make: once more, the tests that failed; one that passes now is unsteady and wants mending"; \
	$(PYTEST) -m "not faults" --last-failed --last-failed-no-failures none

test-faults: $(STAMP) debian ## the slow fault tests
	@$(PYTEST) -m faults; code=$$?; [ $$code -eq 5 ] && exit 0 || exit $$code

test-clients: $(STAMP) ## other projects' own clients (Go) against a started collector
	@$(BIN)/python -m tests.clients.run

check: $(STAMP) ## ruff and mypy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(STAMP) ## let ruff format and mend what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(STAMP) ## the pages that are generated from the tables
	@$(BIN)/python docs/generate.py

build: $(STAMP) ## the wheel and the source archive in dist/
	@$(BIN)/python -m build --outdir dist

bench-overhead: $(STAMP) ## what instrumentation adds to a request, beside other tools, as JSON
	@$(BIN)/python tests/benchmarks/overhead.py

bench-admin: $(STAMP) ## what sampling costs and how fast /admin answers beside busy threads, as JSON
	@$(BIN)/python tests/benchmarks/admin.py

bench-tail: $(STAMP) ## the slowest requests beside an exporter and a scrape, as JSON
	@$(BIN)/python tests/benchmarks/tail.py

bench-import: $(STAMP) ## time to import, distributions and size of a bare install, as JSON
	@$(BIN)/python tests/benchmarks/import_cost.py

bench-start: $(STAMP) ## start-up times, as JSON
	@$(BIN)/python -m tests.benchmarks.start $(BENCH_FLAGS)

bench-intake: $(STAMP) ## how fast the collector takes spans in, and what that costs, as JSON
	@$(BIN)/python tests/benchmarks/intake.py

bench-queries: $(STAMP) ## how fast questions are answered over 10 million spans while more arrive, as JSON
	@$(BIN)/python tests/benchmarks/queries.py $(BENCH_FLAGS)

bench-hostile: $(STAMP) ## the worst senders at full size, and what others notice, as JSON
	@$(BIN)/python -m tests.benchmarks.hostile

soak: $(STAMP) ## ten minutes of spans and readers: whether memory, parts and the limit of size hold, as JSON
	@$(BIN)/python -m tests.benchmarks.soak

bench-boards: $(STAMP) ## boards of 1,000 services generated and checked: time and memory, as JSON
	@$(BIN)/python tests/benchmarks/boards.py

clean: ## remove what make made
	rm -rf $(VENV) dist build .cache .pytest_cache .mypy_cache .ruff_cache

# All that a fresh machine needs is Python 3.11 or newer, and make. `make setup` makes .venv; .venv/bin/leat is the command from then on.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: setup tools demo up test lint format schema web bench faults lock clean

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Leat needs Python 3.11 or newer: make PYTHON=python3.11 setup")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/tools: .venv/ready requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

tools: .venv/tools  ## what tests and checks need beyond what the hub does

demo: setup  ## the main job on real data, with live progress; ARGS=--once ends by itself
	$(BIN)/leat demo $(ARGS)

up: setup  ## the hub: gateway and all workers in one process
	$(BIN)/leat up $(ARGS)

test: tools  ## the whole suite; servers that are not there are skipped with the reason
	$(BIN)/python -m pytest -q $(ARGS)

lint: tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: setup  ## writes schema.graphql and messages.json from the code
	$(BIN)/leat schema

web: setup  ## builds GraphiQL from its npm package into the assets that the gateway serves
	cd web && npm ci --no-audit --no-fund && npm run build

bench: tools  ## every benchmark beside its peer, in one run; see docs/performance.md
	$(BIN)/python -m bench $(ARGS)

faults: tools  ## 200 runs of the embedded hub and 50 on the servers, struck at random; SEED=… repeats one; ARGS="--embedded 20" does fewer
	SEED=$(SEED) $(BIN)/python -m tests.faults $(ARGS)

PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock: tools  ## pins everything anew; the lock files name no registry
	$(PIN) --upgrade --extra fast --extra install pyproject.toml -o requirements.lock
	$(PIN) --upgrade --extra fast --extra install --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .leat build dist web/node_modules gateway/assets

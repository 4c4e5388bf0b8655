# Everything is built on Python >= 3.11 and make; .venv is made anew when requirements.lock changes.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo quick test test-real test-long test-wheel test-upgrade coverage lint release judge prove sim bench bench-against bench-monitor bench-notifications faults-delivery faults-monitor faults-notifications chaos fuzz docs site contract lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

setup: $(READY) ## .venv with everything the project needs

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Duban needs Python 3.11 or newer: set PYTHON=python3.11")'
	@echo "Setting up $(VENV) (a minute the first time)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## a carrier's day in three to five minutes; KEEP=1 goes on running
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(DEMO)

# The pure tests run beside the real ones and give way to them; what they say comes last.
PURE := tests/unit tests/architecture tests/contract tests/packaging
REAL := tests/integration tests/acceptance
PYTEST := $(BIN)/python -m pytest

quick: $(READY) ## the unit tests without random and simulated cases
	@$(PYTEST) -q tests/unit -m "not fuzz and not long" -p no:hypothesispytest

test: $(READY) ## every promise, one path of each feature; STACK=containers: stores from containers; TESTS=tests/unit: some
ifdef TESTS
	@STACK=$(STACK) $(PYTEST) $(TESTS)
else
	@mkdir -p .duban; nice -n 10 $(PYTEST) -m "not long" $(PURE) > .duban/pure.log 2>&1 & pure=$$!; \
	STACK=$(STACK) $(PYTEST) -m "not long" $(REAL); real=$$?; \
	wait $$pure; pure=$$?; cat .duban/pure.log; exit $$((real + pure))
endif

test-real: $(READY) ## of these, what needs the real broker and database
	@STACK=$(STACK) $(PYTEST) -m "not long" $(REAL)

test-long: $(READY) ## half a minute of fuzzing at each door, and of services that die while they notify and monitor
	@STACK=$(STACK) $(PYTEST) -m long $(PURE) $(REAL)

coverage: $(READY) ## the pure tests with their coverage; its floor stands in pyproject.toml
	@mkdir -p .duban
	@$(BIN)/python -m coverage run -m pytest -q -m "not long" $(PURE)
	@$(BIN)/python -m coverage report > .duban/coverage.txt; code=$$?; tail -n 3 .duban/coverage.txt; \
	echo "every file: .duban/coverage.txt"; exit $$code

test-wheel: $(READY) ## build the wheel, install it where there is no checkout, and run what a user runs
	@$(BIN)/python -m deploy.tools.wheel_check

lint: $(READY) ## format, rules, types, import contracts and the checks of data
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m deploy.tools.check

chaos: $(READY) ## kill -9 everything while a day runs; ROUNDS=10 SEED=1
	@$(BIN)/python -m chaos --rounds $(or $(ROUNDS),3) $(if $(SEED),--seed $(SEED))

fuzz: $(READY) ## random decisions, damaged messages, the HTTP door; DECISIONS=100000 SECONDS=300 SEED=1 ONLY=parsers
	@$(BIN)/python -m tests.fuzz --decisions $(or $(DECISIONS),100000) --seconds $(or $(SECONDS),300) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(PACK),--pack $(PACK))

judge: $(READY) ## how the rules classify the labelled texts and pairs, and what changed; JUDGE="--keep"
	@$(BIN)/python -m tests.complaints.judge $(JUDGE)

prove: $(READY) ## search every state that tickets of a pack can reach, two packs at a time; PACKS="carrier bank"
	@$(BIN)/python -m duban policy prove --jobs 2 $(PACKS)

sim: $(READY) ## ledger and monitors under seeded faults; SEEDS=10000 FIRST=1
	@$(BIN)/python -m tests.sim --seeds $(or $(SEEDS),10000) --first $(or $(FIRST),1)

mutate-policies: $(READY) ## delete and replace every rule of the packs, and see what nobody notices; SAMPLE=100 SEED=1 ONLY=bank
	@$(BIN)/python -m tests.mutation $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

faults-notifications: $(READY) ## kill notifier and callback at every crash point, check notices and callbacks; ROUNDS=200 SEED=1
	@$(BIN)/python -m tests.faults.notifications --rounds $(or $(ROUNDS),200) $(if $(SEED),--seed $(SEED))

faults-delivery: $(READY) ## every fault on the way of messages, on a system with replicas; ONLY="zombie-30" SHORT=1 WRITE=1 ALLOW_MISSING=<fault>
	@$(BIN)/python -m tests.faults.delivery $(if $(SEED),--seed $(SEED)) $(if $(SHORT),--short) $(if $(WRITE),--write) $(if $(ONLY),--only $(ONLY)) $(if $(ALLOW_MISSING),--allow-missing $(ALLOW_MISSING))

faults-monitor: $(READY) ## monitors that join, leave, freeze and err about the time; SEED=1 ONLY="clock dead"
	@$(BIN)/python -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

test-upgrade: $(READY) ## migrate and check a database that another commit has made by its own code; REF=<commit>
	@$(BIN)/python -m tests.upgrade $(REF)

bench-monitor: $(READY) ## the monitor at 10,000 and 1,000,000 open tickets, beside its peers; BENCH="--rounds 1 --open 10000"
	@$(BIN)/python -m tests.load.monitor $(if $(OPEN),--open $(OPEN)) $(BENCH)

bench-notifications: $(READY) ## notices per second, beside a loop without storage, while a provider hangs; BENCH="--notices 20000"
	@$(BIN)/python -m tests.load.notifications $(BENCH)

bench: $(READY) ## measure, side by side, what BENCHMARKS.md tells
	@$(BIN)/python -m tests.load $(BENCH)

bench-against: $(READY) ## compare the working tree with a commit, round by round; REF=<commit> ROUNDS=5 SYSTEM=1
	@$(BIN)/python -m deploy.tools.bench_against $(or $(REF),$(error say which commit: REF=<commit>)) \
		--rounds $(or $(ROUNDS),5) $(if $(SYSTEM),--system)

docs: $(READY) ## write again what is generated: JSON Schemas, asyncapi.yaml, docs/reference, requirements, states
	@$(BIN)/python -m deploy.tools.generate

site: $(READY) ## the documentation as a site in build/site; a dead link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

release: $(READY) ## check everything, cut the changelog, commit and tag; pushes nothing; VERSION=0.2.0
	@$(BIN)/python -m deploy.tools.release $(or $(VERSION),$(error say which version: VERSION=0.2.0)) --check
	@$(MAKE) --no-print-directory lint test test-wheel
	@$(BIN)/python -m deploy.tools.release $(VERSION)

contract: $(READY) ## keep today's contract as that of the version in pyproject.toml (docs/versions.md)
	@$(BIN)/python -m deploy.tools.compatibility

lock: ## write requirements.lock again from pyproject.toml
	@$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--extra local --extra s3 --extra dev --allow-unsafe --output-file requirements.lock pyproject.toml

clean: ## remove .venv and every data folder
	rm -rf $(VENV) .duban

# Every target works on a machine with Python 3.11 or 3.12, git and make: `setup` brings the rest (tools/bootstrap.py).
SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(firstword $(foreach name,python3 python3.12 python3.11,$(shell command -v $(name) 2>/dev/null)))
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Ape writes where it is told, not into the home folder.
export APE_DATA_FOLDER := $(CURDIR)/.ape
# numba keeps what it compiled here, for the next run, by the sources' digest (infold/caches.py).
export NUMBA_CACHE_DIR := $(CURDIR)/.cache/numba
ARGS ?=
TESTS ?= tests

.PHONY: help setup demo mocks test check format abi bench mutants reasons coverage compilers audit attacks fuzz prove learn devnet doctor clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from the locks: Python packages and anvil
	@test -n "$(PYTHON)" || { echo "no python3 on PATH: install Python 3.11 or 3.12" >&2; exit 3; }
	@"$(PYTHON)" tools/bootstrap.py

demo: setup ## the whole venue on a local chain, headless, to the end (ARGS="--seed 7 --json")
	@infold demo $(ARGS)

mocks: setup ## compile the published mock feeds that tests of the adapters ask for (tools/mocks.json)
	@python tools/mocks.py

test: setup mocks ## all tests on two cores (TESTS=tests/unit, ARGS="-k pattern")
	@pytest -n 2 --dist worksteal -q $(TESTS) $(ARGS)

check: setup ## format, lint, types, layers, contracts, generated files
	@ruff format --check --quiet . || { ruff format --check . | tail -n 5; echo "mend: make format"; exit 1; }
	@ruff check --quiet .
	@mypy --no-error-summary
	@pytest -q --no-header -p no:cacheprovider tests/unit/test_layers.py
	@python tools/lint_contracts.py
	@python tools/build_abi.py --check
	@python tools/sizes.py --check

format: setup ## rewrite the Python files in house format
	@ruff format --quiet . && ruff check --quiet --fix .

abi: setup ## generate offchain/infold/abi from contracts/
	@python tools/build_abi.py

bench: setup ## gas, admission and auction against their budgets
	@for bench in gas admission auction; do infold bench $$bench $(ARGS) || exit 1; done

mutants: setup ## judge faults in the contracts by the tests, where the last run stopped (ARGS="--sample 60")
	@python tools/mutants.py $(ARGS)

reasons: setup ## which test trips which assert of the contracts (ARGS="--json")
	@python tools/reasons.py $(ARGS)

coverage: setup mocks ## lines, branches and refusals of the contracts that tests reach (ARGS="--json")
	@python tools/covered.py $(ARGS)

compilers: setup ## the random machine on contracts compiled in other ways (ARGS="--transitions 100000")
	@python tools/compilers.py $(ARGS)

audit: setup mocks ## what an auditor runs first, into .build/audit/report.md (ARGS="--only sizes checks")
	@python tools/audit.py $(ARGS)

attacks: setup ## which test tries which attack (ARGS="--json")
	@python tools/attacks.py $(ARGS)

fuzz: setup ## random calls on the contracts, where the last run stopped (ARGS="--mode bare --hours 1")
	@python tools/fuzz.py $(ARGS)

prove: setup ## symbolic proofs on bytecode, in an environment of their own (ARGS="--match Words")
	@python tools/prove.py $(ARGS)

learn: ## train the dealer's residual policy, in an environment of its own (gigabytes; ARGS="--steps 400000")
	@test -n "$(PYTHON)" || { echo "no python3 on PATH: install Python 3.11 or 3.12" >&2; exit 3; }
	@test -x .venv-learning/bin/python || "$(PYTHON)" -m venv .venv-learning
	@.venv-learning/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/learning.txt
	@PYTHONPATH=offchain .venv-learning/bin/python -m infold.research.learning.training $(ARGS)

devnet: setup ## serve a local venue until interrupted
	@infold devnet $(ARGS)

doctor: setup ## look the environment over
	@infold doctor $(ARGS)

clean: ## remove what the other targets made, the environment too
	@rm -rf .venv .venv-learning .venv-prove proofs/node_modules proofs/out proofs/cache .tools .ape .build .cache .infold dist build offchain/*.egg-info
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

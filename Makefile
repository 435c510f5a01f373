# All commands of this repository. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PACKAGES := $(sort $(wildcard libs/* services/*)) deploy/embedded
PYPROJECTS := $(addsuffix /pyproject.toml,$(PACKAGES))
INSTALL := $(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -b constraints.txt --overrides overrides.txt $(addprefix -e ./,$(PACKAGES))
# tests/conftest.py orders the groups of tests
PYTEST := $(BIN)/pytest -n3 --dist loadgroup --no-loadscope-reorder
CODE := libs services deploy tests bench

## Use
run: .venv/runtime.stamp ## Install, fetch the speech models, start the whole platform (ARGS="--port 9000")
	@$(BIN)/echoctl models || { echo "Continuing with Piper's voice only."; export ECHO_SYNTHESIS_ENGINES=piper; }; \
	  $(BIN)/echoctl serve $(ARGS)

up-local: .venv/dev.stamp ## Start the distributed mode without Docker: one process per service, RabbitMQ, S3 (ARGS=…)
	@$(BIN)/echoctl models
	@$(BIN)/echoctl local $(ARGS)

up: .env ## Start the distributed mode in containers
	docker compose up --build --detach --wait

pin-images: ## Write the digests of the base images beside their tags, if a registry is reachable
	@$(PYTHON) deploy/docker/pin_images.py

down: ## Stop the containers; keep their volumes
	docker compose down

## Check
check: lint types imports test ## Run everything a change must pass: lint, types, import contracts, `make test`

test: .venv/dev.stamp ## Run port suites, unit tests and end-to-end tests in both modes (ARGS="-n0 -k broker" runs them sequentially)
	$(PYTEST) -m "not full and not cold_start" $(ARGS)

test-fast: .venv/dev.stamp ## Run tests without servers and models, in under two minutes
	$(PYTEST) -m "not full and not slow" $(ARGS)

test-full: lint types imports cold-start .venv/dev.stamp ## Run everything, from the cold start to the longest suites
	$(PYTEST) -m "not cold_start" $(ARGS)

cold-start: .venv/dev.stamp ## Run the README's two commands in a fresh clone with an empty home folder; check the speech
	$(BIN)/pytest -n0 -m cold_start tests/cold_start $(ARGS)

check-wheels: .venv/dev.stamp ## Resolve the lock to wheels only for Python 3.11 to 3.14 on Linux and macOS; part of test-full
	$(BIN)/python deploy/check_wheels.py

lint: .venv/dev.stamp ## Check rules and format with ruff
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: .venv/dev.stamp ## Check types with mypy, strict
	$(BIN)/mypy $(CODE)

imports: .venv/dev.stamp ## Check import contracts with import-linter
	$(BIN)/lint-imports

bench: .venv/dev.stamp ## Measure the promises and write docs/benchmarks.md (ARGS="hop relay --rounds 2" prints only these)
	$(BIN)/python -m bench $(or $(ARGS),--write docs/benchmarks.md)

bench-clone: .venv/dev.stamp ## Measure voice models on recordings of real speakers (VOICES=folder, LibriSpeech-shaped)
	$(BIN)/python -m bench.clone $(VOICES) $(ARGS)

## Change
fmt: .venv/dev.stamp ## Fix and format the code
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

contracts: .venv/dev.stamp ## Write event schemas, OpenAPI, AsyncAPI and .env.example from the code
	$(BIN)/echoctl contracts

lock: .venv/uv.stamp ## Resolve all versions into constraints.txt, with hashes
	@printf './%s\n' $(PACKAGES) './services/synthesis[aligner,fish,gemini,kokoro,piper]' | $(BIN)/uv pip compile - --group pyproject.toml:dev \
	  --overrides overrides.txt --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet \
	  --prerelease=if-necessary-or-explicit $(foreach package,$(notdir $(PACKAGES)),--no-emit-package echo-$(subst _,-,$(package))) \
	  --output-file constraints.txt $(ARGS)
	@printf '%s versions in constraints.txt\n' "$$(grep -c '==' constraints.txt)"

new-service: .venv/dev.stamp ## Generate the skeleton of a service (NAME=…)
	$(BIN)/python deploy/new_service.py $(NAME)

clean: ## Remove installed and cached files; keep data and models
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this list
	@awk -F ':.*## ' '/^## /{printf "\n\033[1m%s\033[0m\n", substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

install: .venv/runtime.stamp ## Install only the dependencies of `make run`
install-dev: .venv/dev.stamp ## Install the dependencies of tests and tools too

# Secrets for the containers: generated once, kept out of git, readable by their owner only.
.PHONY: .env
.env:
	@deploy/docker/write_env.sh

# uv comes from the same lock as all dependencies, verified by its hash.
.venv/uv.stamp:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed (make PYTHON=…)." >&2; exit 2; }
	@"$(PYTHON)" -m venv .venv || { echo "python3-venv is needed: apt-get install python3-venv." >&2; exit 2; }
	@awk '/^uv==/{found=1} found{print} found&&!/\\$$/{exit}' constraints.txt > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@touch $@

.venv/runtime.stamp: .venv/uv.stamp constraints.txt overrides.txt $(PYPROJECTS)
	@$(INSTALL)
	@touch $@

.venv/dev.stamp: .venv/uv.stamp constraints.txt overrides.txt pyproject.toml $(PYPROJECTS)
	@$(INSTALL) --group dev
	@touch $@ .venv/runtime.stamp

.PHONY: run up-local up pin-images down check check-wheels test test-fast test-full cold-start lint types imports bench bench-clone fmt contracts lock new-service clean help install install-dev

PYTHON ?= python3
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .tools/bin/uv)  # a pyenv shim may exist and not run
RUN = $(UV) run --frozen
export UV_PYTHON_DOWNLOADS := never
unexport PYTHONDONTWRITEBYTECODE  # Where it is set, each of hundreds of processes would compile every module anew.
.DEFAULT_GOAL := help
.PHONY: help run test coverage audit format check build acceptance bench stress fuzz docker-up docker-down clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dispatch needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .tools && .tools/bin/python -m pip install -q --disable-pip-version-check 'uv==0.13.8'

.venv/.stamp: pyproject.toml uv.lock | $(filter .tools/bin/uv,$(UV))
	@$(UV) sync -q --frozen --python $(PYTHON) && touch $@

run: .venv/.stamp ## the whole system on embedded servers with the sample file: make run ARGS="--once"
	@.venv/bin/dispatch up --demo $(ARGS)

test: .venv/.stamp ## all tests, on the embedded servers: make test ARGS="-k intake"
	@.venv/bin/pytest -q -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# Without servers and without the tests that are slow by what they are for: thousands of examples, killed processes, flat memory.
QUICK = -m "not postgres and not nats and not end_to_end" -k "not memory and not durations" $(foreach name,properties histories crashes \
	killed_intake intake_workbooks intake_columns assisted fingerprints repair_converges forgeries,--ignore-glob='*_$(name).py')

coverage: .venv/.stamp ## what the quick tests run of the domain and the application; fails below the floor in pyproject.toml
	@.venv/bin/pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/domain tests/application $(QUICK) --cov --cov-report=term --cov-report=xml:dist/coverage.xml $(ARGS)

check: .venv/.stamp ## lint, format, types, import contracts
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports --no-cache && .venv/bin/deptry src

audit: .venv/.stamp ## known vulnerabilities of what is locked, from OSV; ARGS=--allow-unreachable where it may be out of reach
	@.venv/bin/python tools/audit.py --uv $(UV) $(ARGS)

build: | $(filter .tools/bin/uv,$(UV)) ## the lock fits the project; the wheel, in dist/
	@$(UV) lock --check -q && $(UV) build -q --wheel --out-dir dist

format: .venv/.stamp ## format and fix what can be fixed
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

acceptance: .venv/.stamp ## write docs/acceptance.md from the table, the tests and the documents
	@.venv/bin/python tools/acceptance.py

bench: .venv/.stamp ## side by side with peers and limits: make bench ARGS="append --quick"
	@.venv/bin/python -m benchmarks $(ARGS)

stress: .venv/.stamp ## two promises of the ledger at full size, some minutes: make stress ARGS="--events 100000"
	@PYTHONPATH=tests:. .venv/bin/python -m stress $(ARGS)

fuzz: .venv/.stamp ## 100,000 mutated files through the intake, some minutes: make fuzz ARGS="--files 10000 --seed 7"
	@PYTHONPATH=tests:. .venv/bin/python -m fuzz $(ARGS)

docker-up: ## the system in containers: cp .env.example .env first, and fill in the passwords
	@docker compose up --build --detach --wait

docker-down: ## stop the containers; their data stays in volumes
	@docker compose --profile demo down

clean: ## remove what make built (never the data)
	@rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache

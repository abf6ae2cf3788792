# Everything that is done with this checkout. `make` alone lists it.
# MODE=compose or MODE=local forces one way of running; FILE and CONFIRM are explained below.
export MODE FILE CONFIRM UPGRADE BENCH LONG MINUTES

# Another Python's settings would break ours, or decide what it imports.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP

# Any Python from 3.11 makes the virtual environment that the rest runs in.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
STACK = $(or $(PYTHON),$(error Doorward needs Python 3.11 or later: sudo apt-get install -y python3)) -B scripts/stack.py
VENV_PYTHON = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help bench up down certs rotate-credentials flask logs test evidence faults fuzz mutants soak lint backup restore clean lock screenshots

help: ## lists what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-26s %s\n' "$$target" "$$text"; done

up: ## starts everything and prints its URL (MODE=compose or MODE=local forces one way)
	@$(STACK) up

down: ## stops what this checkout started; the data stays
	@$(STACK) down

certs: ## makes a certificate for trying https on this machine, in certs/; overwrites nothing
	@$(STACK) bootstrap
	@$(VENV_PYTHON) scripts/certs.py

rotate-credentials: ## replaces what the programs prove themselves to each other with, while they run
	@$(STACK) rotate-credentials

flask: ## runs a command of auth-service where it runs: make flask ARGS="users list" (or "users --help")
	@$(STACK) flask -- $(ARGS)

logs: ## shows the logs, and follows them on a terminal
	@$(STACK) logs

test: ## runs the unit, local, TLS, browser and Compose tests beside whatever is running
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/run_tests.py

evidence: ## runs the tests that name requirements and writes docs/evidence.md
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/evidence.py

faults: ## brings about each of 27 faults and writes docs/faults.md (LONG=1: hundreds of kills)
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/faults.py

bench: ## measures how fast it is against what it is compared with; writes docs/performance.md (BENCH=quick: does not)
	@$(STACK) bootstrap --bench
	@env PYTHONPATH=.:scripts benchmarks/.venv/bin/python -B -m benchmarks

fuzz: ## looks for longer, and anew each time, for what the property tests and fuzzers look for in make test
	@$(STACK) bootstrap --tests
	@LONG=1 $(VENV_PYTHON) -m pytest tests/unit/auth_service/test_any_order.py \
		tests/unit/test_described_traffic.py tests/unit/test_fuzzing.py

soak: ## mixed traffic at half of the limit for ten minutes (MINUTES=…): nothing fails, nothing grows
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) -m pytest tests/soak --stack local

mutants: ## tries small faults in the core on its unit tests, and shows the score in docs/evidence.md (ONLY=store)
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/mutants.py $(ONLY)

lint: ## checks code, types, Dockerfiles, shell scripts, Compose file and nginx configuration
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/lint.py

backup: ## saves users, sessions and secrets into backups/ (or FILE=…), also while running
	@$(STACK) backup

restore: ## puts a backup back: FILE=backups/doorward-….tar.gz; asks first (CONFIRM=yes: does not)
	@$(STACK) restore

clean: ## stops and removes the data, logs, volumes and images; asks first (CONFIRM=yes: does not)
	@$(STACK) clean

lock: ## pins the Python packages anew from the requirements.in files (UPGRADE=yes: newest versions)
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/lock.py

screenshots: ## makes the pictures in the README
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/screenshots.py

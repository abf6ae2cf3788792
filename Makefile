# The commands of this checkout. `make` alone lists them. MODE=compose or MODE=local forces one way of
# running.
export MODE FILE ARGS RAW CONFIRM UPGRADE BENCH LONG MINUTES ONLY NEW

# Settings for another Python could break ours.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP

# Any Python from 3.11 makes the virtual environment that the rest runs in.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
STACK = $(or $(PYTHON),$(error Doorward needs Python 3.11 or later: sudo apt-get install -y python3)) -B scripts/stack.py
VENV_PYTHON = .venv/bin/python

.DEFAULT_GOAL := help
TARGETS = help up down logs flask backup restore clean certs rotate-credentials check test test-slow \
	evidence faults mutants soak bench lint lock translations screenshots
.PHONY: $(TARGETS)
# Not even with -j: most targets work on the same containers, processes and data.
.NOTPARALLEL:

# Nothing is done if one of several targets is wrong.
UNKNOWN = $(filter-out $(TARGETS),$(MAKECMDGOALS))
ifneq ($(and $(UNKNOWN),$(filter flask,$(MAKECMDGOALS))),)
$(error Put the command into ARGS. For example: make flask ARGS="users list")
endif
ifneq ($(UNKNOWN),)
$(error There is no target $(firstword $(UNKNOWN)). Type make help to see all of them)
endif
ifeq ($(words $(sort $(filter clean restore,$(MAKECMDGOALS)))),2)
$(error Call make clean and make restore one at a time: CONFIRM=yes would answer for both)
endif

help: ## lists the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-26s %s\n' "$$target" "$$text"; done

up: ## starts everything and prints its URL (MODE=compose or MODE=local forces one way)
	@$(STACK) up

down: ## stops what this checkout started; the data stays
	@$(STACK) down

certs: ## makes a certificate for trying https on this machine, in certs/; overwrites nothing
	@$(STACK) bootstrap
	@$(VENV_PYTHON) scripts/certs.py

rotate-credentials: ## replaces the internal service credentials while everything runs
	@$(STACK) rotate-credentials

flask: ## runs a command of auth-service where it runs: make flask ARGS="users list" (or "users --help")
	@$(STACK) flask

logs: ## shows the logs in words, and follows them on a terminal (RAW=1: as they were written)
	@$(STACK) logs --uses RAW

check: ## checks format and types and runs the fast tests, for developing
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/check.py

test: ## runs the unit, local, load, TLS, browser and Compose tests beside whatever is running
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/run_tests.py

test-slow: ## runs the slow tests: fuzzing, statistical timing, hundreds of kills, mutation testing
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/run_tests.py slow
	@$(VENV_PYTHON) scripts/mutants.py

evidence: ## runs the tests behind the security requirements and writes build/evidence.md
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/evidence.py

faults: ## causes each of 27 faults and writes build/faults.md (LONG=1: hundreds of kills)
	@$(STACK) bootstrap --tests --uses LONG
	@$(VENV_PYTHON) scripts/faults.py

mutants: ## runs mutation testing on the core and writes build/mutants.md (ONLY=store: one part)
	@$(STACK) bootstrap --tests --uses ONLY
	@$(VENV_PYTHON) scripts/mutants.py $(ONLY)

soak: ## sends mixed traffic, half of what the limits allow, for ten minutes (MINUTES=…)
	@$(STACK) bootstrap --tests --uses MINUTES
	@$(VENV_PYTHON) -m pytest tests/soak --stack local

bench: ## compares the speed with plain Flask and nginx; writes docs/performance.md (BENCH=quick: no file)
	@$(STACK) bootstrap --bench --uses BENCH
	@env PYTHONPATH=.:scripts benchmarks/.venv/bin/python -B -m benchmarks

lint: ## checks code, types, Dockerfiles, shell scripts, Compose file and nginx configuration
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/lint.py

backup: ## saves users and secrets into backups/ (or FILE=…), also while running
	@$(STACK) backup

restore: ## restores FILE=backups/doorward-….tar.gz and ends all sessions; asks first (CONFIRM=yes: does not)
	@$(STACK) restore --uses CONFIRM

clean: ## stops, and removes data, logs, volumes and images; asks first (CONFIRM=yes: does not)
	@$(STACK) clean --uses CONFIRM

lock: ## pins the Python packages in the requirements.in files (UPGRADE=yes: newest versions)
	@$(STACK) bootstrap --tests --uses UPGRADE
	@$(VENV_PYTHON) scripts/lock.py

translations: ## updates the catalogues of the pages' texts (NEW=fr begins another one)
	@$(STACK) bootstrap --tests --uses NEW
	@$(VENV_PYTHON) scripts/translations.py

screenshots: ## makes the pictures in the README
	@$(STACK) bootstrap --tests
	@$(VENV_PYTHON) scripts/screenshots.py

# Two commands: `make lab` opens the course, `make test` tests it. Both first make the environment, .venv, from
# requirements.lock, with nothing on the computer but make and Python 3.11 to 3.13. `make help` lists the rest.

PYTHON ?= python3
# Further options for the command a target runs: make lab ARGS="ch04 --port 8899", make test ARGS="-k retention".
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python -m
READY := $(VENV)/.ready
USEROPS := $(RUN) autograder.cli

# One thread a process: two test workers on two cores would otherwise fight over them.
test test-quick bench: export OMP_NUM_THREADS = 1
test test-quick bench: export OPENBLAS_NUM_THREADS = 1

.PHONY: help lab lab-zh setup test test-quick test-conda lint format build bench lock

help:
	@echo "make lab       open the course in JupyterLab, in English"
	@echo "make lab-zh    打开中文版课程"
	@echo "make test      run the lints and every test"
	@echo ""
	@echo "make setup     only make the environment (.venv)"
	@echo "make build     authors: build notebooks/ from solutions/"
	@echo "make lint      authors: check the code's style and types;  make format mends the style"
	@echo "make test-quick   a third of the tests, those that another Python or library breaks first;  make test-conda"
	@echo "               installs environment.yml's list in a fresh environment (from the network)"
	@echo "make bench     run the benchmarks"
	@echo "make lock      maintainers: renew requirements.lock and environment.yml"
	@echo ""
	@echo 'Options go in ARGS, such as: make lab ARGS="ch04 --port 8899"'

lab: setup
	@$(USEROPS) lab --lang en $(ARGS)

lab-zh: setup
	@$(USEROPS) lab --lang zh $(ARGS)

# Tests that share something costly stay on one of the two workers: tests/conftest.py.
PYTEST := $(RUN) pytest -n 2 --dist loadscope --no-loadscope-reorder
# What another Python or another release of a library breaks first, and one chapter of them all.
QUICK := tests/userops tests/autograder/authoring tests/autograder/notebooks tests/autograder/grading/test_gradebook.py \
	tests/autograder/engine/test_engine_outputs.py tests/chapters/test_chapters.py \
	-k "not test_chapters or ch01"

test: lint
	@$(PYTEST) $(ARGS)

test-quick: setup
	@$(PYTEST) $(or $(ARGS),$(QUICK))

test-conda: setup
	@$(RUN) pytest tests/conda_install.py

lint: setup
	@$(RUN) ruff check --quiet .
	@$(RUN) ruff format --check --quiet .
	@$(RUN) mypy --no-error-summary

format: setup
	@$(RUN) ruff check --fix --quiet .
	@$(RUN) ruff format --quiet .

build: setup
	@$(USEROPS) build $(ARGS)
	@$(RUN) autograder.authoring.course_map

bench: setup
	@missed=0; for script in tests/bench/bench_*.py; do \
	  echo "== $$script"; $(VENV)/bin/python $$script || missed=1; done; exit $$missed

lock: setup
	@$(RUN) autograder.environment.lock $(ARGS)

setup: $(READY)

# An environment that was moved from another folder no longer works: look whether the stamp names this one.
ifneq ($(shell head -n 1 $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "set-up: there is no '$(PYTHON)' here: install Python 3.11, 3.12 or 3.13 from https://www.python.org/downloads/" \
	       "and run the same command again." >&2; exit 2; }
	@$(PYTHON) autograder/environment/bootstrap.py

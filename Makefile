# Everything a newcomer needs: `make demo` and `make test`. Both set up `.venv` first.
# `make help` lists the rest.
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# The Python to set up with; blank: the first of 3.12 or newer that works.
PYTHON ?=
READY := $(VENV)/.ready
CODE := main.py sdwebui bridge provider tools devkit tests

PROMPT ?= a lighthouse on a cliff at dusk, oil painting
BASE_URL ?=
MODEL ?=
COUNT ?= 10000
BEFORE ?= HEAD~1
FAMILY ?= a1111
HOST ?= 127.0.0.1
PORT ?= 7860
# Tests at a time. Many wait, for time limits and for processes, so there are more than two cores.
WORKERS ?= 4

.PHONY: help demo test lint unit quick simulator forms faults bench bench-before soak package check-package test-package lock clean
.DEFAULT_GOAL := test

# The virtual environment. It is kept when nothing it is made of has changed.
$(READY): requirements-dev.txt devkit/set-up.sh
	@devkit/set-up.sh $(VENV) requirements-dev.txt $(PYTHON)
	@touch $@

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Handed over as they are: a prompt may hold quotes, backticks and dollar signs.
override PROMPT := $(value PROMPT)
override BASE_URL := $(value BASE_URL)
override MODEL := $(value MODEL)
demo: export PROMPT := $(PROMPT)
demo: export BASE_URL := $(BASE_URL)
demo: export MODEL := $(MODEL)
demo: export FAMILY := $(FAMILY)
demo: $(READY) ## the main job end to end, on simulated WebUIs or on BASE_URL
	@echo "Starting the demo: the plugin, and a simulated WebUI unless BASE_URL names a real one."
	@$(PY) -m devkit.demo

test: lint unit ## everything: lint, all tests, coverage of at least 95 %

lint: $(READY) ## ruff, mypy, the order of the layers, declared dependencies
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry . --extend-exclude devkit/ --extend-exclude tests/
	$(BIN)/deptry . --ignore DEP002,DEP004

# Blank: each of the processes would compile all modules anew where no bytecode is kept.
unit quick: export PYTHONDONTWRITEBYTECODE :=

unit: $(READY) ## all tests, with coverage
	$(PY) -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term --cov-fail-under=95

quick: $(READY) ## the tests that start no process, without coverage: under a minute
	$(PY) -m pytest -n 2 --dist worksteal -m "not process"

# A simulated WebUI to point a browser, curl or a Dify at, until Ctrl-C. For a Dify in Docker:
# HOST=0.0.0.0, and the machine's address in base_url.
simulator: $(READY) ## a simulated WebUI for a browser, curl or a Dify, until Ctrl-C
	$(PY) -m devkit.simulator --family $(FAMILY) --host $(HOST) --port $(PORT)

forms: $(READY) ## write tools/*.yaml from the parameter models and devkit/forms
	$(PY) -m devkit.forms

faults: $(READY) ## every family with every fault: right error, nothing twice, no secret, deadline kept
	$(PY) -m devkit.faults

bench: $(READY) ## time, CPU, memory and requests against a floor and a naive tool
	$(PY) -m devkit.bench --plot docs/bench.png --table docs/bench.md

bench-before: $(READY) ## this checkout against the commit BEFORE, in one run
	$(PY) -m devkit.bench.before $(BEFORE)

soak: $(READY) ## COUNT generations through one process; what is left behind is counted
	$(PY) -m devkit.soak --count $(COUNT)

package: $(READY) ## build the .difypkg
	$(PY) -m devkit.packaging build

check-package: $(READY) ## hold the package against what the marketplace's own checks lack
	$(PY) -m devkit.packaging check

test-package: $(READY) ## the end-to-end tests on the installed package
	$(PY) -m devkit.packaging test

# Hashes for every platform, and no line that names an index.
lock: $(READY) ## compile both lists of requirements anew
	$(BIN)/uv pip compile --quiet pyproject.toml --universal --generate-hashes --no-emit-index-url \
		--python-version 3.12 --upgrade --custom-compile-command "make lock" -o requirements.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --universal --generate-hashes \
		--no-emit-index-url --python-version 3.12 --upgrade --custom-compile-command "make lock" \
		-o requirements-dev.txt

clean: ## remove all that was made
	rm -rf $(VENV) out dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

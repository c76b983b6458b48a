# Everything a newcomer needs: `make demo` and `make test`. Both set up `.venv` first.
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

.PHONY: demo test lint unit simulator forms faults bench bench-before soak package check-package test-package lock clean
.DEFAULT_GOAL := test

# The virtual environment. It is kept when nothing it is made of has changed.
$(READY): requirements-dev.txt devkit/set-up.sh
	@devkit/set-up.sh $(VENV) requirements-dev.txt $(PYTHON)
	@touch $@

# Handed over as they are: a prompt may hold quotes, backticks and dollar signs.
override PROMPT := $(value PROMPT)
override BASE_URL := $(value BASE_URL)
override MODEL := $(value MODEL)
demo: export PROMPT := $(PROMPT)
demo: export BASE_URL := $(BASE_URL)
demo: export MODEL := $(MODEL)
demo: export FAMILY := $(FAMILY)
demo: $(READY)
	@echo "Starting the demo: the plugin, and a simulated WebUI unless BASE_URL names a real one."
	@$(PY) -m devkit.demo

test: lint unit

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

unit: $(READY)
	$(PY) -m pytest --cov --cov-report=term --cov-fail-under=95

# A simulated WebUI to point a browser, curl or a Dify at, until Ctrl-C. For a Dify in Docker:
# HOST=0.0.0.0, and the machine's address in base_url.
simulator: $(READY)
	$(PY) -m devkit.simulator --family $(FAMILY) --host $(HOST) --port $(PORT)

# The forms of the tools, from the parameter models and devkit/forms.
forms: $(READY)
	$(PY) -m devkit.forms

# Every family of servers with every fault: right error, nothing twice, no secret, deadline kept.
faults: $(READY)
	$(PY) -m devkit.faults

# Time, CPU, memory and requests against a floor and a naive tool.
bench: $(READY)
	$(PY) -m devkit.bench --plot docs/bench.png --table docs/bench.md

# This checkout against an earlier commit, in one run.
bench-before: $(READY)
	$(PY) -m devkit.bench.before $(BEFORE)

# Thousands of generations through one process; what is left behind is counted.
soak: $(READY)
	$(PY) -m devkit.soak --count $(COUNT)

package: $(READY)
	$(PY) -m devkit.packaging build

check-package: $(READY)
	$(PY) -m devkit.packaging check

# The end-to-end tests once more, on the installed package instead of the checkout.
test-package: $(READY)
	$(PY) -m devkit.packaging test

# Hashes for every platform, and no line that names an index.
lock: $(READY)
	$(BIN)/uv pip compile --quiet pyproject.toml --universal --generate-hashes --no-emit-index-url \
		--python-version 3.12 --upgrade --custom-compile-command "make lock" -o requirements.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --universal --generate-hashes \
		--no-emit-index-url --python-version 3.12 --upgrade --custom-compile-command "make lock" \
		-o requirements-dev.txt

clean:
	rm -rf $(VENV) out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

# Everything a newcomer needs: `make demo` and `make test`. Both set up `.venv` first.
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# Any Python from 3.12 on will do; with a .python-version manager `python3.12` is the right one.
PYTHON ?= $(firstword $(foreach name,python3.12 python3.13 python3.14 python3,$(shell command -v $(name) 2>/dev/null)))
READY := $(VENV)/.ready
CODE := main.py sdwebui bridge provider tools devkit tests

PROMPT ?= a lighthouse on a cliff at dusk, oil painting
BASE_URL ?=
MODEL ?=
COUNT ?= 10000
FAMILY ?= a1111
PORT ?= 7860

.PHONY: demo test lint unit simulator forms troubleshooting faults bench soak package check-package test-package lock clean
.DEFAULT_GOAL := test

# A virtual environment with uv in it (taken from the system when it is there), then exactly the
# locked packages.
$(READY): requirements-dev.txt Makefile
	@if command -v uv >/dev/null 2>&1; then \
		test -x $(PY) || uv venv --quiet --python ">=3.12" $(VENV); \
		uv pip sync --quiet --python $(PY) --require-hashes requirements-dev.txt; \
	else \
		test -x $(PY) || "$(PYTHON)" -m venv $(VENV); \
		test -x $(BIN)/uv || $(PY) -m pip install --quiet uv; \
		$(BIN)/uv pip sync --quiet --python $(PY) --require-hashes requirements-dev.txt; \
	fi
	@touch $@

# Handed over as they are: a prompt may hold quotes, backticks and dollar signs.
override PROMPT := $(value PROMPT)
override BASE_URL := $(value BASE_URL)
override MODEL := $(value MODEL)
demo: export PROMPT := $(PROMPT)
demo: export BASE_URL := $(BASE_URL)
demo: export MODEL := $(MODEL)
demo: $(READY)
	@$(PY) -m devkit.demo

test: lint unit

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

unit: $(READY)
	$(PY) -m pytest --cov --cov-report=term --cov-fail-under=95

# A simulated WebUI to point a browser, curl or a Dify at, until Ctrl-C.
simulator: $(READY)
	$(PY) -m devkit.simulator --family $(FAMILY) --port $(PORT)

# The forms of the tools, from the parameter models and devkit/forms.
forms: $(READY)
	$(PY) -m devkit.forms

# The page of all messages, from the code.
troubleshooting: $(READY)
	$(PY) -m devkit.troubleshooting

# Every family of servers with every fault: right error, nothing twice, no secret, deadline kept.
faults: $(READY)
	$(PY) -m devkit.faults

# Time, CPU, memory and requests against a floor and a naive tool.
bench: $(READY)
	$(PY) -m devkit.bench --plot docs/bench.png --table docs/bench.md

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

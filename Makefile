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

.PHONY: demo test lint unit lock clean
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

demo: $(READY)
	@BASE_URL="$(BASE_URL)" MODEL="$(MODEL)" PROMPT="$(PROMPT)" $(PY) -m devkit.demo

test: lint unit

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

unit: $(READY)
	$(PY) -m pytest --cov --cov-report=term --cov-fail-under=95

# Hashes for every platform, and no line that names an index.
lock: $(READY)
	$(BIN)/uv pip compile --quiet pyproject.toml --universal --generate-hashes --no-emit-index-url \
		--python-version 3.12 --upgrade --custom-compile-command "make lock" -o requirements.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --universal --generate-hashes \
		--no-emit-index-url --python-version 3.12 --upgrade --custom-compile-command "make lock" \
		-o requirements-dev.txt

clean:
	rm -rf $(VENV) out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

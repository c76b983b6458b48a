#!/bin/sh
# Make the virtual environment with exactly the locked packages: `devkit/set-up.sh .venv LOCK [PYTHON]`.
#
# The commands are tried, not looked up: a version manager's shim is on the PATH even where the Python
# chosen for this folder has no such program. An environment that could not be finished is removed.
set -eu
venv=$1 lock=$2 wanted=${3:-}

works() {
	"$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

uv=
if uv --version >/dev/null 2>&1; then uv=uv; fi

if ! works "$venv/bin/python"; then
	rm -rf "$venv"
	python=
	for one in ${wanted:-python3.12 python3.13 python3.14 python3 python}; do
		if works "$one"; then
			python=$one
			break
		fi
	done
	if [ -z "$python" ]; then
		echo "Python 3.12 or newer is needed (with its venv module) and was not found: install it, or name one with PYTHON=/path/to/python3.12." >&2
		exit 1
	fi
	echo "Setting up $venv with $("$python" --version), once; this takes up to a minute."
	trap 'rm -rf "$venv"' EXIT
	trap 'exit 130' INT TERM
	"$python" -m venv ${uv:+--without-pip} "$venv"
else
	echo "Bringing $venv up to date with $lock."
fi
if [ -z "$uv" ]; then
	uv=$venv/bin/uv
	"$uv" --version >/dev/null 2>&1 || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
fi
"$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "$lock"
trap - EXIT

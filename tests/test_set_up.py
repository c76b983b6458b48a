"""Setting up on a fresh machine: programs are tried before use, and failures leave nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIM = "#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 127\n"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is the whole PATH, with a shim of uv that does not work and a shell's tools."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "uv", SHIM)
    for name in ("rm", "sh"):
        (folder / name).symlink_to(f"/bin/{name}")
    return folder


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def set_up(programs: Path, venv: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment: Mapping[str, str] = {"PATH": str(programs), "HOME": os.environ["HOME"], **more}
    lock = programs.parent / "lock.txt"
    lock.write_text("")
    return subprocess.run(
        [ROOT / "devkit/set-up.sh", venv, lock],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("found", ["nothing", "an old one", "a shim"])
def test_without_python_3_12_there_is_one_line_and_no_environment(
    programs: Path, tmp_path: Path, found: str
) -> None:
    if found == "an old one":
        program(programs / "python3", "#!/bin/sh\nexit 1\n")
    elif found == "a shim":
        program(programs / "python3.12", SHIM)
    done = set_up(programs, tmp_path / ".venv")
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.12 or newer is needed")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / ".venv").exists()


def test_a_shim_of_uv_is_passed_over_and_a_failure_leaves_no_environment(
    programs: Path, tmp_path: Path
) -> None:
    """uv is then installed into the environment; here there is nothing to install it from."""
    program(programs / "python3.12", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    done = set_up(programs, tmp_path / ".venv", PIP_NO_INDEX="1")
    assert done.returncode != 0
    assert "pyenv" not in done.stderr
    assert "No matching distribution found for uv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_working_uv_is_used(programs: Path, tmp_path: Path) -> None:
    program(programs / "python3.12", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    uv = Path(sys.executable).parent / "uv"
    program(programs / "uv", f'#!/bin/sh\nexec {uv} "$@"\n')
    done = set_up(programs, tmp_path / ".venv", PIP_NO_INDEX="1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv/bin/python").exists()


def test_the_demo_says_at_once_what_it_is_doing() -> None:
    began = time.monotonic()
    # As a user calls it, not as a part of the `make test` that runs this; then nothing is done.
    environment = {name: one for name, one in os.environ.items() if not name.startswith("MAKE")}
    with subprocess.Popen(
        ["make", "demo", "PY=true"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    ) as demo:
        assert demo.stdout
        assert demo.stdout.readline().startswith(b"Starting the demo")
        assert time.monotonic() - began < 5
        assert demo.wait() == 0

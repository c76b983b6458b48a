"""``python -m devkit.forms [--check]``: write the forms, or say which are out of date."""

import argparse
import sys

from devkit.forms.build import MODELS, ROOT, form, render


def main() -> int:
    """Return the exit status: 0, or 1 when ``--check`` finds a form out of date."""
    parser = argparse.ArgumentParser(prog="python -m devkit.forms", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    only_check = parser.parse_args().check
    stale = []
    for tool in MODELS:
        file = ROOT / "tools" / f"{tool}.yaml"
        text = render(form(tool))
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(file.relative_to(ROOT).as_posix())
        if not only_check:
            file.write_text(text, encoding="utf-8")
    if only_check and stale:
        print(f"Out of date: {', '.join(stale)}. Run `make forms`.", file=sys.stderr)
        return 1
    print(f"{'Wrote' if stale else 'Up to date:'} {', '.join(stale or MODELS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

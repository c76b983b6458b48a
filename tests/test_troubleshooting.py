"""The page of all messages is complete and up to date."""

import re
from pathlib import Path

from devkit.troubleshooting import PAGE, messages, page
from sdwebui import errors


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make troubleshooting`"


def test_every_kind_of_error_that_is_raised_has_a_message() -> None:
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.WebUIError)
    }
    # The base of bad answers is never raised by itself, nor is the base of all.
    assert {one.kind for one in messages()} == kinds - {"WebUIError", "BadAnswer"}


def test_no_raise_is_left_out() -> None:
    """Each place that raises one of our errors with a text has that text's words on the page."""
    told = page()
    root = Path(__file__).parents[1]
    texts = [
        text
        for path in [*(root / "sdwebui").rglob("*.py"), *(root / "bridge").rglob("*.py")]
        for text in re.findall(r"raise \w+\(\s*f?\"([^\"{]{25,})", path.read_text("utf-8"))
    ]
    assert texts
    assert [text for text in texts if text.partition(". ")[0].strip() not in told] == []

"""The rules, by what they look at; importing this package registers them all."""

from devkit.packaging.rules import (
    code,
    declarations,
    dependencies,
    documents,
    files,
    manifest,
    publisher,
)

__all__ = ["code", "declarations", "dependencies", "documents", "files", "manifest", "publisher"]

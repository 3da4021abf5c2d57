"""What the documentation site shows beyond its hand-written pages, made from the package itself.

Every generator writes MyST Markdown into `docs/generated`, which is not kept in git.
"""

from pathlib import Path

from . import api, book, kernels, ops, pages, repository

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "generated"


def generate(executed=None):
    """Write all generated pages; chapters of the book come from `executed` where they are there."""
    book.write(TARGET / "book", ROOT / "notebooks", executed)
    repository.write(TARGET, ROOT)
    kernels.write(TARGET / "kernels")
    ops.write(TARGET / "ops")
    api.write(TARGET / "api")
    for old in set(TARGET.rglob("*.md")) - pages.WRITTEN:
        old.unlink()

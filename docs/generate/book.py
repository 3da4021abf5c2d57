"""The chapters of the book as pages: executed ones where they are, else as they are stored."""

import re
import shutil

from .pages import toctree, write_if_changed


def write(folder, notebooks, executed=None):
    """Copy the chapters, and make their index from the README beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    chapters = sorted(notebooks.glob("*.ipynb"))
    for old in folder.glob("*.ipynb"):
        if not (notebooks / old.name).exists():
            old.unlink()
    for path in chapters:
        source = executed / path.name if executed else path
        source = source if source.exists() else path
        target = folder / path.name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    text = (notebooks / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\[(checksums\.txt)\]\([^)]*\)", r"`\1`", text)
    tree = toctree([path.stem for path in chapters], hidden=True)
    write_if_changed(folder / "index.md", f"{text}\n{tree}\n")

"""Pages that are files of the repository, with their links turned to the pages of the site."""

import re

from .pages import write_if_changed

#: What a file links to -> the page that shows it, seen from `docs/generated`.
PAGES = {
    "docs/compiling.md": "../compiling.md",
    "docs/differences.md": "../differences.md",
    "docs/programs.md": "../programs.md",
    "docs/mnist_loss.png": "../mnist_loss.png",
    "notebooks": "book/index.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "../index.md",
    "README.zh-CN.md": "chinese.md",
    "benchmarks": "../performance.md",
}


def write(folder, root):
    """The house rules and the Chinese README."""
    for source, target in (("CONTRIBUTING.md", "contributing"), ("README.zh-CN.md", "chinese")):
        path = root / source
        if path.exists():
            write_if_changed(folder / f"{target}.md", turned(path.read_text(encoding="utf-8")))


def turned(text):
    """The text with links to pages of the site; what the site does not show is plain text."""

    def turn(match):
        label, target = match.groups()
        if target.startswith(("http", "#")):
            return match.group()
        page = PAGES.get(target.rstrip("/"))
        return f"[{label}]({page})" if page else label

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)]+)\)", turn, _pictures(text))


def _pictures(text):
    return re.sub(
        r"!\[([^\]]*)\]\(([^)]+)\)", lambda m: f"![{m[1]}]({PAGES.get(m[2], m[2])})", text
    )

"""MyST Markdown from plain text and code."""

import inspect
import re
from pathlib import Path

#: What means something in MyST and is meant literally in a docstring, outside of `code`.
_SPECIAL = re.compile(r"([\\*_\[\]<>#|$~{}&@^])")


#: The pages that were written, or would have been.
WRITTEN = set()


def write_if_changed(path, text):
    """Write a page, unless it says that already: Sphinx then reads it again only where it changed."""
    path = Path(path)
    WRITTEN.add(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def literally(text):
    """Text in which nothing but `code` is markup."""
    parts = re.split(r"(``.+?``|`[^`\n]*(?:\n[^`\n]+)?`)", text)
    return "".join(
        part if i % 2 else _SPECIAL.sub(r"\\\1", part).replace("`", "\\`")
        for i, part in enumerate(parts)
    )


def docstring(text):
    """A docstring as MyST: paragraphs, lists, and indented blocks as code."""
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(text or ""))
    found, code = [], []
    for block in blocks:
        if block.startswith("    "):
            code.append(block)
            continue
        if code:
            found.append(fenced(inspect.cleandoc("\n\n".join(["", *code])), "python"))
            code = []
        if block.strip():
            found.append(_paragraph(block))
    if code:
        found.append(fenced(inspect.cleandoc("\n\n".join(["", *code])), "python"))
    return "\n\n".join(found)


def _paragraph(block):
    lines = block.splitlines()
    if len(lines) > 1 and any(line.startswith("    ") for line in lines[1:]):
        return fenced(block, "text")  # a drawing, or text with its code right below
    return re.sub(r"^(\s*)([+=-])(?=[^ ])", r"\1\\\2", literally(block), flags=re.M)


def fenced(code, language="python"):
    """A block of code."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", code)), default=0))
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def folded(title, *blocks):
    """Blocks that open at a click on the title (MyST; not inside of tables and directives)."""
    body = "\n\n".join(blocks)
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def table(titles, rows):
    """A table of cells that are MyST already."""
    lines = ["| " + " | ".join(titles) + " |", "| " + " | ".join("---" for _ in titles) + " |"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def toctree(entries, caption=None, hidden=False):
    """The table of contents of pages below this one."""
    options = [":maxdepth: 1"]
    options += [f":caption: {caption}"] if caption else []
    options += [":hidden:"] if hidden else []
    return "\n".join(["```{toctree}", *options, "", *entries, "```"])

"""The two READMEs say the same: the same commands, programs, links and figures."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")

_BLOCK = re.compile(r"^```.*?^```", re.M | re.S)


def blocks(text):
    """The blocks of code, in order."""
    return _BLOCK.findall(text)


def links(text):
    """Where the links and pictures lead, in order, but for those from one language to the other."""
    targets = re.findall(r"\]\(([^)]+)\)", _BLOCK.sub("", text))
    return [target for target in targets if not re.fullmatch(r"README(\.zh-CN)?\.md", target)]


def code(text):
    """The pieces of code within the text."""
    return Counter(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text)))


def figures(text):
    """The numbers outside of code and links."""
    prose = re.sub(r"`[^`\n]+`|\]\([^)]+\)", "", _BLOCK.sub("", text))
    return Counter(re.findall(r"\d[\d,.]*\d|\d", prose))


@pytest.mark.parametrize("part", [blocks, links, code, figures], ids=lambda part: part.__name__)
def test_both_readmes_have_the_same(part):
    assert part(CHINESE) == part(ENGLISH)


def test_headings_and_tables_correspond():
    for start in ("#", "|", "- "):
        rows = [
            [line.split(" ")[0] for line in text.splitlines() if line.startswith(start)]
            for text in (ENGLISH, CHINESE)
        ]
        assert len(rows[0]) == len(rows[1]), start


def test_each_leads_to_the_other():
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE

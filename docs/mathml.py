"""Draws formulas as MathML while the site is built, so that pages need no script for them."""

import re

from latex2mathml.converter import convert


def draw(latex, display="inline"):
    """The MathML of a formula; ValueError where a command in it is not known."""
    # the converter knows neither `aligned` nor the space that may follow the end of a line
    latex = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{align*}", latex)
    latex = re.sub(r"\\\\\[[\d.]+\w+\]", r"\\\\ ", latex)
    formula = convert(latex, display=display)
    left_over = re.search(r"<m\w+>(\\\w+|&)</", formula)
    if left_over:
        raise ValueError(f"{left_over[1]!r} would show as it is written in the formula {latex}")
    return formula


def _inline(translator, node):
    translator.body.append(draw(node.astext()))


def _block(translator, node):
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    formula = draw(node.astext(), display="block")
    translator.body.append(f'<div class="formula">{number}{formula}</div>')


def _visit(write):
    def visit(translator, node):
        from docutils import nodes

        write(translator, node)
        raise nodes.SkipNode

    return visit


def setup(app):
    app.add_html_math_renderer("mathml", (_visit(_inline), None), (_visit(_block), None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

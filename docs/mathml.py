"""Draws formulas as MathML while the site is built, so that pages need no script for them."""

from latex2mathml.converter import convert


def _inline(translator, node):
    translator.body.append(convert(node.astext()))


def _block(translator, node):
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula">{number}{formula}</div>')


def _visit(draw):
    def visit(translator, node):
        from docutils import nodes

        draw(translator, node)
        raise nodes.SkipNode

    return visit


def setup(app):
    app.add_html_math_renderer("mathml", (_visit(_inline), None), (_visit(_block), None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

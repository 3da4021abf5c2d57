"""Draws the recorded graph of a tensor: Graphviz source, and SVG where Graphviz is installed."""

import shutil
import subprocess

from . import Node, edge_of

_LEAF = 'shape=box, style="rounded,filled", fillcolor="#dbeafe"'
_RESULT = 'shape=box, style="rounded,filled", fillcolor="#dcfce7"'
_OP = 'shape=ellipse, style=filled, fillcolor="#f5f5f4"'


class Drawing:
    """A drawn graph: `str(drawing)` is Graphviz source; notebooks show it as a picture."""

    def __init__(self, source):
        self.source = source

    def __str__(self):
        return self.source

    def svg(self):
        """The picture as SVG text; RuntimeError where Graphviz's `dot` is not installed."""
        dot = shutil.which("dot")
        if dot is None:
            raise RuntimeError("drawing an SVG needs Graphviz: install its `dot` command")
        done = subprocess.run(
            [dot, "-Tsvg"], input=self.source, capture_output=True, text=True, check=True
        )
        return done.stdout

    def save(self, path):
        """Write SVG (a path that ends in .svg) or Graphviz source."""
        text = self.svg() if str(path).endswith(".svg") else self.source
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if shutil.which("dot") is None:
            return {"text/plain": self.source}
        return {"image/svg+xml": self.svg(), "text/plain": self.source}


def draw(*tensors, names=None):
    """The graph that leads to `tensors`: leaves as boxes, ops as ellipses, results in green.

    `names` maps a name to a leaf tensor (`dict(model.named_parameters())`, say).
    """
    if not tensors:
        raise TypeError("draw() needs at least one tensor")
    labels = {id(tensor): name for name, tensor in (names or {}).items()}
    lines = ["digraph {", '  rankdir="BT";', '  node [fontname="sans-serif", fontsize=11];']
    waiting, seen = [], set()
    for number, tensor in enumerate(tensors):
        lines.append(f'  result{number} [label="{_form(tensor.shape, tensor.dtype)}", {_RESULT}];')
        edge = edge_of(tensor)
        if edge is not None:
            lines.append(f"  {_identifier(edge[0])} -> result{number};")
            waiting.append(edge[0])
    while waiting:
        target = waiting.pop()
        if id(target) in seen:
            continue
        seen.add(id(target))
        lines.append(f"  {_identifier(target)} [{_describe(target, labels)}];")
        if isinstance(target, Node):
            for edge, meta in zip(target.edges, target.input_metas):
                if edge is not None:
                    lines.append(
                        f"  {_identifier(edge[0])} -> {_identifier(target)} "
                        f'[label="{_shape(meta[0])}", fontsize=9];'
                    )
                    waiting.append(edge[0])
    return Drawing("\n".join([*lines, "}"]) + "\n")


def _identifier(target):
    return f"n{id(target):x}"


def _shape(shape):
    return "×".join(map(str, shape)) or "scalar"


def _form(shape, dtype):
    return f"{_shape(shape)}\\n{dtype.name}"


def _describe(target, labels):
    if not isinstance(target, Node):
        name = labels.get(id(target), "")
        return f'label="{name + chr(92) + "n" if name else ""}{_form(target.shape, target.dtype)}", {_LEAF}'
    params = ", ".join(
        f"{key}={value}" for key, value in target.params.items() if _is_plain(value)
    ).replace('"', "'")
    return f'label="{target.op.name}{chr(92) + "n" + params if params else ""}", {_OP}'


def _is_plain(value):
    return isinstance(value, int | float | bool | str) or (
        isinstance(value, tuple) and len(value) <= 4 and all(isinstance(v, int) for v in value)
    )

"""Draws the recorded graph of a tensor, as SVG and as Graphviz source."""

from html import escape
from typing import NamedTuple

from . import Node, Value, edge_of
from .layout import place

#: Kind of vertex -> fill colour.
_FILLS = {"leaf": "#dbeafe", "op": "#f5f5f4", "result": "#dcfce7"}

_FONT, _SMALL, _LINE, _ROW, _GAP, _MARGIN = 12, 10, 15, 74, 18, 12
_CHARACTER = 0.6  # of the font size: the width of a letter, about


class Vertex(NamedTuple):
    """A box of the drawing: its kind, and its lines of text."""

    kind: str
    lines: tuple

    @property
    def width(self):
        return 20 + _CHARACTER * _FONT * max(map(len, self.lines))

    @property
    def height(self):
        return 10 + _LINE * len(self.lines)


class Drawing:
    """A drawn graph: notebooks show it as a picture, `str(drawing)` is Graphviz source.

    `vertices` maps a name to a Vertex; `edges` are (from, to, label).
    """

    def __init__(self, vertices, edges):
        self.vertices = vertices
        self.edges = edges

    def __str__(self):
        lines = ["digraph {", '  node [fontname="sans-serif", style=filled];']
        for name, vertex in self.vertices.items():
            shape = "ellipse" if vertex.kind == "op" else "box"
            text = "\\n".join(line.replace('"', "'") for line in vertex.lines)
            fill = _FILLS[vertex.kind]
            lines.append(f'  {name} [label="{text}", shape={shape}, fillcolor="{fill}"];')
        lines += [f'  {tail} -> {head} [label="{label}"];' for tail, head, label in self.edges]
        return "\n".join([*lines, "}"]) + "\n"

    def svg(self):
        """The picture as SVG text."""
        places, routes = place(
            {name: vertex.width for name, vertex in self.vertices.items()},
            [(tail, head) for tail, head, _ in self.edges],
            _GAP,
        )
        points = {
            name: (_MARGIN + x, _MARGIN + 25 + _ROW * row) for name, (x, row) in places.items()
        }
        right = max(points[name][0] + vertex.width / 2 for name, vertex in self.vertices.items())
        width = max(right, *[x for x, _ in points.values()]) + _MARGIN
        height = max(y for _, y in points.values()) + 25 + _MARGIN
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" '
            'style="max-width: 100%; height: auto" font-family="sans-serif">',
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#78716c"/></marker>'
            "</defs>",
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        ]
        for (_, _, label), route in zip(self.edges, routes):
            parts += self._edge([points[name] for name in route], route, label)
        for name, vertex in self.vertices.items():
            parts += _box(vertex, *points[name])
        return "\n".join([*parts, "</svg>"])

    def _edge(self, points, route, label):
        """A curve from the lower edge of a box to the upper edge of another, with its label."""
        (x0, y0), (x1, y1) = points[0], points[-1]
        points = [
            (x0, y0 + self.vertices[route[0]].height / 2),
            *points[1:-1],
            (x1, y1 - self.vertices[route[-1]].height / 2),
        ]
        path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
        for (xa, ya), (xb, yb) in zip(points, points[1:]):
            middle = (ya + yb) / 2
            path += f" C{xa:.1f} {middle:.1f} {xb:.1f} {middle:.1f} {xb:.1f} {yb:.1f}"
        yield f'<path d="{path}" fill="none" stroke="#78716c" marker-end="url(#arrow)"/>'
        (xa, ya), (xb, yb) = points[0], points[1]
        yield (
            f'<text x="{(xa + xb) / 2 + 5:.1f}" y="{(ya + yb) / 2 + 3:.1f}" fill="#57534e" '
            f'font-size="{_SMALL}">{escape(label)}</text>'
        )

    def save(self, path):
        """Write SVG (a path that ends in .svg) or Graphviz source."""
        text = self.svg() if str(path).endswith(".svg") else str(self)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": self.svg(), "text/plain": str(self)}


def _box(vertex, x, y):
    width, height = vertex.width, vertex.height
    corner = height / 2 if vertex.kind == "op" else 4
    yield (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{corner:.1f}" fill="{_FILLS[vertex.kind]}" stroke="#78716c"/>'
    )
    for i, line in enumerate(vertex.lines):
        baseline = y - height / 2 + 16 + _LINE * i
        yield (
            f'<text x="{x:.1f}" y="{baseline:.1f}" text-anchor="middle" '
            f'font-size="{_FONT}">{escape(line)}</text>'
        )


def draw(*tensors, names=None):
    """The graph that leads to `tensors`: leaves in blue, ops in grey, results in green.

    `names` maps a name to a tensor: to a leaf, or to one of `tensors`
    (`dict(model.named_parameters())`, say).
    """
    if not tensors:
        raise TypeError("draw() needs at least one tensor")
    for given in (*tensors, *(names or {}).values()):
        if not isinstance(given, Value):
            raise TypeError(f"draw() takes tensors, not {type(given).__name__}")
    labels = {id(tensor): name for name, tensor in (names or {}).items()}
    vertices, edges, waiting = {}, [], []
    for number, tensor in enumerate(tensors):
        vertices[f"result{number}"] = Vertex("result", _form(tensor, labels))
        edge = edge_of(tensor)
        if edge is not None:
            edges.append((_identifier(edge[0]), f"result{number}", ""))
            waiting.append(edge[0])
    while waiting:
        target = waiting.pop()
        name = _identifier(target)
        if name in vertices:
            continue
        if not isinstance(target, Node):
            vertices[name] = Vertex("leaf", _form(target, labels))
            continue
        vertices[name] = Vertex("op", _call(target))
        for edge, meta in zip(target.edges, target.input_metas):
            if edge is not None:
                edges.append((_identifier(edge[0]), name, _shape(meta.shape) if meta.shape else ""))
                waiting.append(edge[0])
    return Drawing(dict(reversed(vertices.items())), list(reversed(edges)))


def _identifier(target):
    return f"n{id(target):x}"


def _shape(shape):
    return " × ".join(map(str, shape)) or "scalar"


def _form(tensor, labels):
    name = labels.get(id(tensor))
    return (*([name] if name else []), f"{_shape(tensor.shape)}  {tensor.dtype.name}")


def _call(node):
    """The op's name, and its parameters where they are short."""
    params = ", ".join(f"{key}={value}" for key, value in node.params.items() if _is_plain(value))
    return (node.op.name, params) if params else (node.op.name,)


def _is_plain(value):
    return isinstance(value, int | float | bool | str) or (
        isinstance(value, tuple) and len(value) <= 4 and all(isinstance(v, int) for v in value)
    )

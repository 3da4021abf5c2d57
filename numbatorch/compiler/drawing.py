"""Draws a program: memory from outside in blue, instructions in grey, results in green."""

from ..graph.drawing import Drawing, Vertex
from .program import CONSTANT, OUTSIDE, TEMPORARY


def draw(program):
    """The Drawing of a program: who reads what whom has written."""
    vertices, edges, writers = {}, [], {}

    def source(region):
        """The vertex that holds a region's values now."""
        buffer = region.buffer
        if buffer not in writers:
            writers[buffer] = f"before_{buffer.name}"
            kind = "constant" if buffer.kind == CONSTANT else buffer.name
            vertices[writers[buffer]] = Vertex("leaf", (kind, _form(region)))
        return writers[buffer]

    for number, instruction in enumerate(program.instructions):
        name = f"step{number}"
        for region in instruction.inputs:
            edges.append((source(region), name, ""))
        vertices[name] = Vertex("op", _lines(instruction.name))
        for region in instruction.outputs:
            buffer = region.buffer
            writers[buffer] = name
            if buffer.kind not in (TEMPORARY, CONSTANT):
                after = f"after{number}_{buffer.name}"
                word = "changed" if buffer.kind == OUTSIDE else buffer.kind
                vertices[after] = Vertex("result", (f"{buffer.name}: {word}", _form(region)))
                edges.append((name, after, ""))
    return Drawing(vertices, list(dict.fromkeys(edges)))


def _form(region):
    return "×".join(map(str, region.shape)) or "scalar"


def _lines(name):
    """The ops of an instruction, three a line."""
    ops = name.split(" ")
    return tuple(", ".join(ops[i : i + 3]) for i in range(0, len(ops), 3))

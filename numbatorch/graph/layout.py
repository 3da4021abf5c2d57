"""Where the vertices of a drawn graph go: in layers, each edge pointing down (Sugiyama et al., 1981).

A vertex is any hashable; an edge is (tail, head). An edge that spans several layers passes through
one bend, `(edge number, layer)`, in each of the layers between.
"""

from collections import defaultdict

_SWEEPS = 8


def place(widths, edges, gap):
    """({vertex or bend: (centre, layer)}, [the points each edge passes through]).

    `widths` maps every vertex to its width. Neighbours in a layer keep `gap` between them.
    """
    layers = _layers(list(widths), edges)
    routes, widths = [], dict(widths)
    for number, (tail, head) in enumerate(edges):
        bends = [(number, layer) for layer in range(layers[tail] + 1, layers[head])]
        for bend in bends:
            layers[bend] = bend[1]
            widths[bend] = 0
        routes.append([tail, *bends, head])
    above, below = defaultdict(list), defaultdict(list)
    for route in routes:
        for upper, lower in zip(route, route[1:]):
            below[upper].append(lower)
            above[lower].append(upper)
    rows = [[] for _ in range(1 + max(layers.values()))]
    for vertex, layer in layers.items():
        rows[layer].append(vertex)
    _order(rows, above, below)
    centres = _centres(rows, above, below, widths, gap)
    return {vertex: (centres[vertex], layers[vertex]) for vertex in centres}, routes


def _layers(vertices, edges):
    """The layer of each vertex: below all its tails; a source right above its first head."""
    tails, heads = defaultdict(list), defaultdict(list)
    for tail, head in edges:
        tails[head].append(tail)
        heads[tail].append(head)
    open_tails = {vertex: len(tails[vertex]) for vertex in vertices}
    ready = [vertex for vertex in vertices if not open_tails[vertex]]
    layers = {}
    for vertex in ready:  # grows while it is walked
        layers[vertex] = 1 + max((layers[tail] for tail in tails[vertex]), default=-1)
        for head in heads[vertex]:
            open_tails[head] -= 1
            if not open_tails[head]:
                ready.append(head)
    for vertex in vertices:
        if not tails[vertex] and heads[vertex]:
            layers[vertex] = min(layers[head] for head in heads[vertex]) - 1
    return layers


def _order(rows, above, below):
    """Sort each row by where the neighbours stand, to and fro, so that few edges cross."""
    places = {}
    for row in rows:
        _note_places(row, places)
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        neighbours = above if downward else below
        for row in rows if downward else reversed(rows):
            row.sort(key=lambda v: _mean([places[u] for u in neighbours[v]], places[v]))
            _note_places(row, places)


def _note_places(row, places):
    """Where in its row, from 0 to 1, each vertex stands."""
    for i, vertex in enumerate(row):
        places[vertex] = i / max(1, len(row) - 1)


def _centres(rows, above, below, widths, gap):
    """Each vertex as near to the middle of its neighbours as those beside it allow."""
    centres = {}
    for row in rows:
        _pack(row, dict.fromkeys(row, 0.0), widths, gap, centres)
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        for row in rows if downward else reversed(rows):
            neighbours = above if downward else below
            wished = {v: _mean([centres[u] for u in neighbours[v]], centres[v]) for v in row}
            _pack(row, wished, widths, gap, centres)
    left = min(centres[v] - widths[v] / 2 for v in centres)
    return {vertex: centre - left for vertex, centre in centres.items()}


def _pack(row, wished, widths, gap, centres):
    """Put a row where it wishes to be, pushed apart where vertices would touch."""
    rightward, leftward = [], []
    edge = None
    for v in row:
        least = wished[v] if edge is None else edge + gap + widths[v] / 2
        rightward.append(max(wished[v], least))
        edge = rightward[-1] + widths[v] / 2
    edge = None
    for v in reversed(row):
        most = wished[v] if edge is None else edge - gap - widths[v] / 2
        leftward.append(min(wished[v], most))
        edge = leftward[-1] - widths[v] / 2
    for v, right, left in zip(row, rightward, reversed(leftward)):
        centres[v] = (right + left) / 2


def _mean(values, otherwise):
    return sum(values) / len(values) if values else otherwise

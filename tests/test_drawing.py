"""A drawn graph shows each op once, in layers, with nothing on top of anything else."""

from xml.etree import ElementTree

import pytest

import numbatorch as nt
from numbatorch.graph.layout import place


def network():
    weight = nt.randn(3, 4, requires_grad=True)
    bias = nt.randn(3, requires_grad=True)
    x = nt.randn(2, 4)
    hidden = (x @ weight.T + bias).relu()
    return (hidden.softmax(dim=1) * hidden).sum(), {"weight": weight, "bias": bias}


def test_source_names_leaves_ops_and_edges():
    loss, names = network()
    source = str(nt.graph.draw(loss, names=names))
    assert source.count("-> result0") == 1
    for text in ("weight\\n3 × 4  float32", "bias\\n3", "softmax", "relu", "dim=1"):
        assert text in source
    assert source.count('label="relu"') == 1  # used twice, drawn once


def test_svg_is_well_formed_and_boxes_do_not_overlap(tmp_path):
    loss, names = network()
    drawing = nt.graph.draw(loss, names={**names, "loss": loss})
    root = ElementTree.fromstring(drawing.svg())
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [
        tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
        if rect.get("x")
    ]
    assert len(boxes) == len(drawing.vertices)
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for x2, y2, w2, h2 in boxes[:i]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    drawing.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text() == drawing.svg()


def test_a_tensor_without_history_is_one_box():
    assert len(nt.graph.draw(nt.ones(2)).vertices) == 1
    nt.graph.draw(nt.ones(2)).svg()
    with pytest.raises(TypeError, match="at least one tensor"):
        nt.graph.draw()
    with pytest.raises(TypeError, match="not int"):
        nt.graph.draw(3)
    with pytest.raises(TypeError, match="not str"):
        nt.graph.draw(nt.ones(2), names={"x": "y"})


def test_graphs_of_views_of_second_order_and_after_backward():
    x = nt.randn(3, 4, requires_grad=True)
    assert "transpose" in str(nt.graph.draw(x[1:].T)) or "permute" in str(nt.graph.draw(x[1:].T))
    (slope,) = nt.autograd.grad((x**3).sum(), x, create_graph=True)
    assert 'label="mul' in str(nt.graph.draw(slope))
    total = (x * x).sum()
    before = str(nt.graph.draw(total))
    total.backward()
    assert str(nt.graph.draw(total)) == before


def test_a_long_chain():
    y = nt.ones((), requires_grad=True)
    for _ in range(2000):
        y = y * 2
    drawing = nt.graph.draw(y)
    assert len(drawing.vertices) == 2002
    ElementTree.fromstring(drawing.svg())


def test_edges_point_down_and_long_ones_bend():
    widths = dict.fromkeys("abcd", 10)
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    places, routes = place(widths, edges, gap=5)
    assert [places[v][1] for v in "abcd"] == [0, 1, 2, 3]
    assert routes[3] == ["a", (3, 1), (3, 2), "d"]
    for route in routes:
        rows = [places[v][1] for v in route]
        assert rows == list(range(rows[0], rows[-1] + 1))

"""A player of an animation keeps its buttons and loads nothing."""

import re

import pytest

from numbatorch.display import animation_html

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def page():
    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.animation import FuncAnimation

    figure, axes = pyplot.subplots(figsize=(1, 1))
    (line,) = axes.plot([0], [0])
    animation = FuncAnimation(figure, lambda frame: line.set_data([frame], [frame]), frames=2)
    yield animation_html(animation)
    pyplot.close(figure)


def test_nothing_is_loaded_from_another_server(page):
    assert "<link" not in page
    assert not re.search(r'(src|href)="https?:', page)


def test_every_button_has_a_sign(page):
    buttons = re.findall(r"<button[^>]*>(.*?)</button>", page, re.S)
    assert len(buttons) == 9
    signs = [re.search(r'<svg [^>]*><path d="([^"]+)"/></svg>', button)[1] for button in buttons]
    assert len(set(signs)) == 9

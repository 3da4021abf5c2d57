"""Tables of models, progress bars, curves."""

import re

import pytest

import numbatorch as nt
from numbatorch import nn
from numbatorch.utils import plot_confusion, plot_curves, progress, summary


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 5)
        self.head.weight.requires_grad_(False)

    def forward(self, x, scale):
        return self.head(self.body(x).mean(dim=(2, 3))) * scale


def test_summary():
    model = Model().train()
    before = [p.clone() for p in model.buffers()]
    table = summary(model, nt.zeros(2, 3, 8, 8), scale=nt.ones(5))
    assert [row.kind for row in table.rows] == [
        "Model", "Sequential", "Conv2d", "BatchNorm2d", "ReLU", "Linear",
    ]  # fmt: skip
    convolution, linear = table.rows[2], table.rows[5]
    assert (convolution.input, convolution.output) == ((2, 3, 8, 8), (2, 4, 6, 6))
    assert (convolution.parameters, convolution.flops) == (108, 2 * 2 * 4 * 36 * 27)
    assert (linear.parameters, linear.flops) == (25, 2 * 2 * 5 * 4)
    assert (table.parameters, table.trainable) == (108 + 8 + 25, 108 + 8 + 5)
    assert table.flops == table.rows[0].flops > convolution.flops + linear.flops
    assert model.training and model.body.training
    assert all(nt.equal(old, new) for old, new in zip(before, model.buffers()))
    assert not model._forward_hooks and not model.head._forward_pre_hooks
    text = str(table)
    assert re.search(r"    0 \(Conv2d\) +2 × 3 × 8 × 8  2 × 4 × 6 × 6 +108 +15,552\n", text)
    assert "141 parameters, 121 of them trained" in text
    assert table._repr_html_().count("<tr>") == 7


@pytest.mark.parametrize(
    "model, shape, multiply_adds",
    [
        (nn.Linear(5, 3), (2, 5), 2 * 5 * 3),
        (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 9), 2 * 6 * 7 * 2 * 3),
        (nn.ConvTranspose2d(3, 5, 2, stride=2, bias=False), (2, 3, 4, 4), 2 * 3 * 16 * 5 * 4),
        (nn.LSTM(5, 7), (3, 2, 5), 3 * 2 * 28 * (5 + 7)),
        (nn.GRU(5, 7, batch_first=True), (2, 3, 5), 3 * 2 * 21 * (5 + 7)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_products_are_counted(model, shape, multiply_adds):
    found = summary(model, nt.zeros(shape)).flops
    assert 2 * multiply_adds <= found <= 2.2 * multiply_adds + 200  # a few for biases and states


def test_attention_is_counted():
    class Attention(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    found = summary(Attention(), nt.randn(2, 3, 8, 4)).flops
    assert found == pytest.approx(2 * 2 * 3 * 8 * 8 * (4 + 4), rel=0.4)


def test_summary_cleans_up_after_an_error():
    model = Model()
    with pytest.raises(RuntimeError):
        summary(model, nt.zeros(2, 7, 8, 8), scale=1)
    assert not nt.graph.listeners
    assert not model.body[0]._forward_hooks
    assert model.training


def test_progress(capsys):
    bar = progress([1, 2, 3], "epoch 1")
    assert len(bar) == 3
    for value in bar:
        bar.show(loss=1 / value)
    assert bar.history == {"loss": [1, 1 / 2, 1 / 3]}
    assert "epoch 1" in capsys.readouterr().err


def test_plots():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    axes = plot_curves({"loss": [3.0, 2.0, 1.0, 0.5]}, smooth=2, logarithmic=True)
    assert len(axes.lines) == 2
    assert axes.get_yscale() == "log"
    axes = plot_confusion([[5, 1], [0, 7]], names=["cat", "dog"])
    assert [text.get_text() for text in axes.texts] == ["5", "1", "7"]

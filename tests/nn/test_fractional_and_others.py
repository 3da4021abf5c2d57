"""Fractional pooling, cross-map normalisation, conv_tbc and linear_cross_entropy beside PyTorch."""

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")


def compare(function, shape, **grid):
    results = []
    for t in (torch, numbatorch):
        t.manual_seed(3)
        x = t.tensor(np.random.default_rng(0).normal(size=shape)).requires_grad_()
        outputs = function(t, x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        outputs[0].square().sum().backward()
        results.append([y.detach().numpy() for y in outputs] + [x.grad.numpy()])
    for a, b in zip(*results):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "options", [{"output_size": (3, 5)}, {"output_ratio": 0.6}, {"output_size": 1}]
)
def test_fractional_pooling_2d(options):
    compare(
        lambda t, x: t.nn.FractionalMaxPool2d(2, return_indices=True, **options)(x), (2, 3, 9, 11)
    )


def test_fractional_pooling_3d():
    compare(
        lambda t, x: t.nn.FractionalMaxPool3d(
            (2, 3, 2), output_size=(3, 4, 5), return_indices=True
        )(x),
        (2, 3, 7, 8, 9),
    )


def test_fractional_pooling_errors():
    for t in (torch, numbatorch):
        with pytest.raises(ValueError, match="requires specifying"):
            t.nn.FractionalMaxPool2d(2)
        with pytest.raises(ValueError, match="between 0 and 1"):
            t.nn.FractionalMaxPool2d(2, output_ratio=1.5)
        with pytest.raises(RuntimeError):
            t.nn.functional.fractional_max_pool2d(t.ones(1, 1, 4, 4), 3, output_size=4)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_cross_map_normalisation(size):
    x = np.random.default_rng(0).normal(size=(2, 6, 3, 3)).astype(np.float32)
    expected, found = (
        t.nn.CrossMapLRN2d(size, alpha=0.1, k=2)(t.tensor(x)).numpy() for t in (torch, numbatorch)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_conv_tbc():
    weight = np.random.default_rng(1).normal(size=(3, 4, 2))
    compare(
        lambda t, x: t.nn.functional.conv_tbc(x, t.tensor(weight), t.ones(2).double(), 1), (5, 2, 4)
    )


def test_linear_cross_entropy():
    def run(t, x):
        loss = t.nn.LinearCrossEntropyLoss(4, 3, bias=True, label_smoothing=0.1, dtype=t.float64)
        return loss(x, t.tensor([0, 2, 1]))

    compare(run, (3, 4))

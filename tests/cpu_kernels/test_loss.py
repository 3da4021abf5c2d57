"""The negative log-likelihood against NumPy; labels are checked before scores are read."""

import numpy as np
import pytest
from arrays import as_array, blank

from numbatorch.cpu_kernels import loss as kernels


def sample(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    classes = shape[0] if len(shape) == 1 else shape[1]
    label_shape = () if len(shape) == 1 else (shape[0], *shape[2:])
    scores = rng.normal(size=shape).astype(dtype)
    weight = rng.uniform(0.5, 2, classes).astype(dtype)
    return scores, rng.integers(0, classes, label_shape), weight


def reference(scores, labels, weight, ignored):
    """(loss of every label, weight of every label)"""
    batched = scores[None] if scores.ndim == 1 else scores
    chosen = labels[None] if scores.ndim == 1 else labels
    picked = np.take_along_axis(batched, np.expand_dims(chosen, 1), 1).squeeze(1)
    factors = np.where(chosen == ignored, 0.0, weight[chosen] if weight is not None else 1.0)
    return (-factors * picked).reshape(labels.shape), factors


@pytest.mark.parametrize("shape", [(7,), (5, 3), (2, 3, 4, 5), (3000, 4)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_loss_and_gradient(shape, weighted, reduction):
    scores, labels, weight = sample(shape)
    weight = weight if weighted else None
    each, factors = reference(scores.astype(np.float64), labels, weight, 1)
    expected = {"none": each, "sum": each.sum(), "mean": each.sum() / factors.sum()}[reduction]
    dtype = as_array(scores).dtype
    out, total = blank(np.shape(expected), dtype), blank((), dtype)
    arguments = as_array(labels), None if weight is None else as_array(weight)
    kernels.nll_loss(out, total, as_array(scores), *arguments, 1, reduction)
    np.testing.assert_allclose(out.as_numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(total.as_numpy(), factors.sum(), rtol=1e-5)

    grad = np.random.default_rng(1).normal(size=np.shape(expected)).astype(np.float32)
    found = blank(shape, dtype)
    kernels.nll_loss_gradient(found, as_array(grad), *arguments, total, 1, reduction)
    one_hot = np.moveaxis(
        np.eye(shape[0] if len(shape) == 1 else shape[1])[labels], -1, labels.ndim and 1
    )
    scale = grad / factors.sum() if reduction == "mean" else grad
    per_label = np.broadcast_to(-scale, labels.shape) * factors.reshape(labels.shape)
    spread = per_label if len(shape) == 1 else np.expand_dims(per_label, 1)
    np.testing.assert_allclose(found.as_numpy(), one_hot * spread, rtol=1e-5)


@pytest.mark.parametrize("bad", [3, -1, 10, 2**40])
def test_labels_outside_the_classes(bad):
    scores, labels, _ = sample((2000, 3))
    labels[1500] = bad
    dtype = as_array(scores).dtype
    with pytest.raises(IndexError, match=f"Target {bad} is out of bounds"):
        kernels.nll_loss(
            blank((), dtype), blank((), dtype), as_array(scores), as_array(labels), None, -100,
            "mean",
        )  # fmt: skip


def test_no_labels_that_count():
    scores, labels, _ = sample((4, 3))
    labels[:] = -100
    dtype = as_array(scores).dtype
    out, total = blank((), dtype), blank((), dtype)
    kernels.nll_loss(out, total, as_array(scores), as_array(labels), None, -100, "mean")
    assert np.isnan(out.as_numpy())
    kernels.nll_loss(out, total, as_array(scores), as_array(labels), None, -100, "sum")
    assert out.as_numpy() == 0

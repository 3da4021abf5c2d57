"""Kernels at the sizes that they are made for, beside the CPU, and twice with the same bits.

In the simulator the sizes are small: that tries the programs, which a card then runs in full.
"""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import cuda_target
from numbatorch.nn import functional as F

SMALL = cuda_target.SIMULATED


def size(full, small):
    """So many on a card, so few in the simulator."""
    return small if SMALL else full


def draw(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape))).to(dtype)


def batch_norm(x, weight):
    return F.batch_norm(x, None, None, weight, weight, training=True)


N = size(1000, 9)
PROGRAMS = {
    "sum": (lambda x: x.sum(), [(size(10_000_019, 101),)]),
    "row sums": (lambda x: x.sum(1), [(N, size(4097, 33))]),
    "column sums": (lambda x: x.sum(0), [(size(4097, 33), N)]),
    "variance": (lambda x: x.var(), [(size(3_000_001, 77),)]),
    "cumulative sums": (lambda x: x.cumsum(1), [(size(100, 3), size(5003, 19))]),
    "broadcast": (lambda x, y: x * y + y, [(N, 1, size(300, 5)), (size(77, 4), 1)]),
    "transposed copy": (lambda x: x.t().contiguous(), [(N, size(1501, 7))]),
    "product": (lambda x, y: x @ y, [(N, size(777, 7)), (size(777, 7), size(1234, 5))]),
    "product of columns": (lambda x, y: x.t() @ y.t(), [(size(777, 7), N), (size(601, 5), size(777, 7))]),
    "batched product": (lambda x, y: x @ y, [(size(33, 3), size(65, 5), 33), (33, size(129, 6))]),
    "softmax": (lambda x: x.softmax(1), [(N, size(5000, 21))]),
    "cross entropy": (
        lambda x: F.cross_entropy(x, torch.arange(N, device=x.device) % 7), [(N, size(5000, 21))],
    ),
    "layer norm": (lambda x, w: F.layer_norm(x, w.shape, w, w), [(N, size(1025, 9)), (size(1025, 9),)]),
    "batch norm": (batch_norm, [(size(64, 4), size(65, 3), size(30, 3), 3), (size(65, 3),)]),
    "convolution": (
        lambda x, w: F.conv2d(x, w, stride=2, padding=1),
        [(size(8, 2), size(17, 2), size(65, 5), 6), (size(33, 3), size(17, 2), 3, 3)],
    ),
    "attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        [(2, size(8, 2), size(300, 7), size(64, 5))] * 2 + [(2, size(8, 2), size(300, 7), size(100, 3))],
    ),
    "embedding": (
        lambda w: F.embedding(torch.arange(N, device=w.device) % w.shape[0] // 2, w),
        [(size(500, 5), size(129, 3))],
    ),
}  # fmt: skip


def run(function, shapes, place):
    """[the value, the gradient of every argument] as NumPy arrays."""
    leaves = [draw(*shape).to(place).requires_grad_() for shape in shapes]
    value = function(*leaves)
    value.backward(draw(*value.shape).to(place) if value.ndim else None)
    return [x.detach().cpu().numpy() for x in (value, *(leaf.grad for leaf in leaves))]


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_on_the_cpu(name):
    function, shapes = PROGRAMS[name]
    expected, found = (run(function, shapes, place) for place in ("cpu", "cuda"))
    for theirs, ours in zip(expected, found):
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5 * scale)


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_race_shows(name):
    """Kernels without atomics give the same bits each time; sums by atomics nearly the same."""
    function, shapes = PROGRAMS[name]
    first = run(function, shapes, "cuda")
    for _ in range(size(5, 1)):
        for a, b in zip(first, run(function, shapes, "cuda")):
            np.testing.assert_allclose(a, b, rtol=0 if name != "embedding" else 1e-5)


def test_optimizers_of_many_parameters():
    shapes = [(size(1000, 3),), (size(300, 2), size(700, 3)), (1,), (0,), (size(2049, 9), 3)]

    def weights(place):
        parameters = [draw(*shape).to(place).requires_grad_() for shape in shapes]
        optimizer = torch.optim.AdamW(parameters, lr=0.01)
        for step in range(3):
            for p in parameters:
                p.grad = p.detach() * (step + 1)
            optimizer.step()
        return [p.detach().cpu().numpy() for p in parameters]

    for theirs, ours in zip(weights("cpu"), weights("cuda")):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)

"""Convolutions of many geometries, whichever kernel takes them, against sums over the taps in NumPy.

Small maps, even and uneven kernels, strides, padding and dilation decide the kernel and its borders.
"""

import itertools

import numpy as np
import pytest

import numbatorch as torch


def slices(tap, counts, stride, dilation):
    """Where the padded image meets a tap, as the output goes."""
    return tuple(
        slice(k * dilation, k * dilation + (n - 1) * stride + 1, stride)
        for k, n in zip(tap, counts)
    )


def by_taps(x, weight, grad, stride, padding, dilation, groups):
    """(output, gradients of x and of the weight), where `grad` is that of the output."""
    kernel, out_channels = weight.shape[2:], weight.shape[0]
    border = [(0, 0), (0, 0), *[(padding, padding)] * len(kernel)]
    padded = np.pad(x, border)
    counts = [
        (size - dilation * (k - 1) - 1) // stride + 1 for size, k in zip(padded.shape[2:], kernel)
    ]
    grouped = padded.reshape(len(x), groups, -1, *padded.shape[2:])
    w = weight.reshape(groups, out_channels // groups, *weight.shape[1:])
    out = np.zeros((len(x), groups, out_channels // groups, *counts))
    taps = list(itertools.product(*map(range, kernel)))
    for tap in taps:
        here = grouped[(..., *slices(tap, counts, stride, dilation))]
        out += np.einsum("ngc...,goc->ngo...", here, w[(..., *tap)])
    grad = grad.reshape(out.shape)
    grad_x, grad_w = np.zeros_like(grouped), np.zeros_like(w)
    for tap in taps:
        place = (..., *slices(tap, counts, stride, dilation))
        grad_x[place] += np.einsum("ngo...,goc->ngc...", grad, w[(..., *tap)])
        axes = "xyz"[: len(kernel)]
        grad_w[(..., *tap)] = np.einsum(f"ngo{axes},ngc{axes}->goc", grad, grouped[place])
    inside = tuple(slice(padding, padding + size) for size in x.shape[2:])
    grad_x = grad_x.reshape(padded.shape)[(..., *inside)]
    return out.reshape(len(x), out_channels, *counts), grad_x, grad_w.reshape(weight.shape)


def geometries(count=150, seed=0):
    """Random ones, that have an output."""
    random = np.random.default_rng(seed)

    def choose(*options):
        return options[random.integers(len(options))]

    found = []
    while len(found) < count:
        rank, groups = choose(1, 2, 2, 2, 3), choose(1, 1, 1, 2)
        kernel = (choose(1, 2, 3, 3, 3, 4, 5, 6, 7),) * rank if rank < 3 else (choose(1, 2, 3),) * 3
        size = tuple(int(n) for n in random.integers(1, 15 if rank < 3 else 6, rank))
        channels = groups * choose(1, 3, 8, 16, 24), groups * choose(1, 4, 8, 16, 20)
        geometry = (
            *channels,
            size,
            kernel,
            choose(1, 1, 2, 2, 3),
            choose(0, 1, 2),
            choose(1, 1, 2),
        )
        *_, padding, dilation = geometry
        if all(n + 2 * padding > dilation * (k - 1) for n, k in zip(size, kernel)):
            found.append((*geometry, groups))
    return found


@pytest.mark.parametrize("dtype, bound", [("float32", 3e-5), ("float64", 1e-12)])
def test_geometries(dtype, bound):
    random = np.random.default_rng(1)
    for geometry in geometries():
        inputs, outputs, size, kernel, stride, padding, dilation, groups = geometry
        x = random.normal(size=(2, inputs, *size))
        scale = np.sqrt(inputs // groups * np.prod(kernel))
        weight = random.normal(size=(outputs, inputs // groups, *kernel)) / scale
        ours = [torch.from_numpy(a).to(getattr(torch, dtype)).requires_grad_() for a in (x, weight)]
        convolve = getattr(torch.nn.functional, f"conv{len(size)}d")
        found = convolve(*ours, None, stride, padding, dilation, groups)
        grad = random.normal(size=tuple(found.shape))
        expected = by_taps(x, weight, grad, stride, padding, dilation, groups)
        found.backward(torch.from_numpy(grad).to(found.dtype))
        names = "output", "gradient of the input", "gradient of the weight"
        for what, a, b in zip(names, (found, *[p.grad for p in ours]), expected):
            error = np.abs(a.detach().numpy() - b).max() / max(np.abs(b).max(), 1e-3)
            assert error < bound, f"{what} of {geometry}: {error:.1e}"

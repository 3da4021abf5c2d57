"""Every op of the table: first and second order gradients, layouts, and inputs left alone."""

import numpy as np
import pytest
from op_table import call_with, host, leaves, rows, samples

import numbatorch as torch
from numbatorch.autograd import gradcheck, gradgradcheck

ROWS = [pytest.param(function, generate, id=name) for name, function, generate in rows()]


def differentiable(sample, function):
    """(function of the leaves, leaves) of a sample, or None where nothing wants a gradient."""
    found = leaves(sample)
    if not found:
        return None

    def outputs_of(values):
        outputs = call_with(function, sample, values)
        return outputs if isinstance(outputs, tuple | list) else (outputs,)

    def of_leaves(*values):
        outputs = outputs_of(values)
        return tuple(outputs[i] for i in places)

    places = [
        i for i, y in enumerate(outputs_of(found)) if isinstance(y, torch.Tensor) and y.requires_grad
    ]  # fmt: skip
    return (of_leaves, found) if places else None


@pytest.mark.parametrize("function, generate", ROWS)
def test_first_order(function, generate):
    for sample in samples(generate):
        checked = differentiable(sample, function)
        if checked:
            gradcheck(*checked, fast_mode=True)


@pytest.mark.parametrize("function, generate", ROWS)
def test_second_order(function, generate):
    for sample in samples(generate):
        checked = differentiable(sample, function)
        if checked and not getattr(function, "first_order_only", False):
            gradgradcheck(*checked, fast_mode=True)


def _host(outputs):
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    return [host(y) for y in outputs if isinstance(y, torch.Tensor)]


def _strided(x):
    """The same values in memory with gaps."""
    if not x.shape:
        return x.detach().requires_grad_()
    wide = torch.zeros(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype, device=x.device)
    target = wide.as_strided(x.shape, [*wide.stride()[:-1], 2])
    target.copy_(x.detach())
    return target.detach().requires_grad_()


@pytest.mark.parametrize("function, generate", ROWS)
def test_gaps_in_memory_do_not_matter(function, generate):
    for sample in samples(generate):
        expected = _host(call_with(function, sample, leaves(sample)))
        found = _host(call_with(function, sample, [_strided(x) for x in leaves(sample)]))
        for a, b in zip(expected, found):
            np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function, generate", ROWS)
def test_inputs_are_left_alone(function, generate):
    if getattr(function, "__name__", "").endswith("_"):
        pytest.skip("works in place")
    for sample in samples(generate):
        before = [host(x) for x in leaves(sample)]
        call_with(function, sample, leaves(sample))
        for x, old in zip(leaves(sample), before):
            np.testing.assert_array_equal(host(x), old)

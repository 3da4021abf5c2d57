"""Every op of the table on the device: values, first and second gradients as on the CPU.

The CPU's gradients are themselves checked against differences, by `tests/test_op_table.py`.
"""

import numpy as np
import pytest
from op_table import call_with, host, leaves, rows, samples

import numbatorch as torch
from numbatorch import devices
from numbatorch.autograd import grad
from numbatorch.ops.casting import to_device

ROWS = [pytest.param(function, generate, id=name) for name, function, generate in rows()]


def on_host(item):
    """The same argument with its tensors brought to the CPU."""
    if isinstance(item, torch.Tensor):
        value = to_device(item.detach(), devices.CPU).detach()
        return value.requires_grad_() if item.requires_grad else value
    if isinstance(item, list | tuple):
        return type(item)(on_host(member) for member in item)
    if isinstance(item, devices.device):
        return devices.CPU
    return item


def tensors(outputs):
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    return [y for y in outputs if isinstance(y, torch.Tensor)]


def weights_for(values, seed):
    """Random gradients of the shapes, dtypes and devices of `values`."""
    generator = np.random.default_rng(seed)
    found = []
    for value in values:
        numbers = generator.uniform(0.5, 1.5, tuple(value.shape))
        if value.dtype.is_complex:
            numbers = numbers + 1j * generator.uniform(0.5, 1.5, tuple(value.shape))
        plain = torch.from_numpy(np.asarray(numbers)).detach()
        cast = torch.empty(value.shape, dtype=value.dtype)
        cast.copy_(plain)
        found.append(to_device(cast, devices.of(value)))
    return found


def gradients(outputs, inputs, seed):
    """Gradients of the outputs that have any, for the inputs; None where there is no path."""
    wanted = [y for y in outputs if y.requires_grad]
    inputs = [x for x in inputs if x.requires_grad]
    if not wanted or not inputs:
        return []
    return list(
        grad(wanted, inputs, weights_for(wanted, seed), create_graph=True, allow_unused=True)
    )


def evaluate(function, sample):
    """[values, first gradients, second gradients] of one call."""
    torch.manual_seed(0) if hasattr(torch, "manual_seed") else None
    inputs = leaves(sample)
    outputs = tensors(call_with(function, sample, inputs))
    first = gradients(outputs, inputs, 1)
    if getattr(function, "first_order_only", False):
        return [outputs, first]
    second = gradients([g for g in first if g is not None], inputs, 2)
    return [outputs, first, second]


def tolerance(dtype):
    """By the precision of the floating-point type; integers are equal."""
    if not (dtype.is_floating_point or dtype.is_complex):
        return 0.0
    return 100 * torch.finfo(dtype).eps


@pytest.mark.parametrize("function, generate", ROWS)
def test_same_as_on_the_cpu(function, generate, same_draws):
    for index, sample in enumerate(samples(generate)):
        twin = sample.map(on_host)
        expected = evaluate(function, twin)
        found = evaluate(function, sample)
        for order, (theirs, ours) in enumerate(zip(expected, found)):
            assert len(theirs) == len(ours)
            for a, b in zip(theirs, ours):
                label = f"sample {index}, order {order}"
                assert (a is None) == (b is None), label
                if a is None:
                    continue
                assert b.is_cuda, f"{label}: the result is on {b.device}"
                assert (a.shape, a.dtype) == (b.shape, b.dtype), label
                limit = tolerance(a.dtype)
                np.testing.assert_allclose(
                    host(b), host(a), rtol=limit, atol=limit, err_msg=label, strict=True
                )

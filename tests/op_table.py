"""The table of ops that the generic tests walk: every op and function that declares samples."""

import os

import numpy as np

import numbatorch as torch
from numbatorch import devices, op_samples
from numbatorch.op_samples import rows
from numbatorch.ops.casting import to_device

__all__ = ["Maker", "call_with", "host", "leaves", "rows", "samples"]

#: The device that the table runs on; the CUDA suite sets it in a process of its own.
DEVICE = os.environ.get("NUMBATORCH_TEST_DEVICE", "cpu")

PLACE = devices.resolve(DEVICE)


class Maker(op_samples.Maker):
    """Makes random leaves on the table's device; the same seed gives the same ones."""

    def __init__(self, seed=0):
        super().__init__(seed, place=PLACE)


def host(x):
    """The values of a tensor as a NumPy array of its own."""
    return np.array(to_device(x.detach(), devices.CPU).as_numpy())


def samples(generate):
    """The samples of a row, in a list."""
    return list(generate(Maker()))


def leaves(sample):
    """The tensors of a sample that want a gradient, in order."""
    found = []

    def visit(item):
        if isinstance(item, torch.Tensor):
            if item.requires_grad:
                found.append(item)
        elif isinstance(item, list | tuple):
            for member in item:
                visit(member)

    for item in (*sample.args, *sample.kwargs.values()):
        visit(item)
    return found


def call_with(function, sample, replaced):
    """Call `function` on a sample with its leaves replaced, in order."""
    values = iter(replaced)

    def rebuild(item):
        if isinstance(item, torch.Tensor) and item.requires_grad:
            return next(values)
        if isinstance(item, list | tuple):
            return type(item)(rebuild(member) for member in item)
        return item

    args = [rebuild(item) for item in sample.args]
    kwargs = {key: rebuild(item) for key, item in sample.kwargs.items()}
    if sample.prepare is not None:
        args[0] = sample.prepare(args[0])
    results = function(*args, **kwargs)
    return results if sample.finish is None else sample.finish(results)

"""The table of ops that the generic tests walk: every op and function that declares samples."""

import os

import numpy as np

import numbatorch as torch
from numbatorch import creation, devices, ops
from numbatorch.op import REGISTRY
from numbatorch.ops.casting import to_device
from numbatorch.ops.elementwise import Elementwise
from numbatorch.ops.registry import FUNCTIONS, METHODS, SAMPLES, Sample

#: The device that the table runs on; the CUDA suite sets it in a process of its own.
DEVICE = os.environ.get("NUMBATORCH_TEST_DEVICE", "cpu")

PLACE = devices.resolve(DEVICE)

assert ops  # every declaration is loaded


def host(x):
    """The values of a tensor as a NumPy array of its own."""
    return np.array(to_device(x.detach(), devices.CPU).as_numpy())


class Maker:
    """Makes random leaves; the same seed gives the same ones."""

    def __init__(self, seed=0):
        self.generator = np.random.default_rng(seed)

    def __call__(self, *shape, low=-2.0, high=2.0, dtype=torch.float64, requires_grad=None):
        if dtype.is_complex:
            values = self.generator.uniform(low, high, shape) + 1j * self.generator.uniform(
                low, high, shape
            )
        elif dtype.is_floating_point:
            values = self.generator.uniform(low, high, shape)
        elif dtype is torch.bool:
            values = self.generator.integers(0, 2, shape).astype(bool)
        else:
            values = self.generator.integers(int(low), int(high), shape)
        result = creation.from_array(np.asarray(values), dtype, PLACE)
        if requires_grad is None:
            requires_grad = dtype.is_floating_point or dtype.is_complex
        return result.detach().requires_grad_(requires_grad)

    def index(self, *shape, high):
        """Random int64 indices below `high`."""
        values = self.generator.integers(0, high, shape)
        return creation.from_array(np.asarray(values), torch.int64, PLACE)

    def tensor(self, data, **kwargs):
        """A tensor with these values on the table's device."""
        return torch.tensor(data, device=DEVICE, **kwargs)


def _elementwise_samples(op):
    """Shapes that every elementwise op must take: plain, 0-d, empty, broadcast, transposed."""
    count = len(op.input_names)
    domain = op.domain or (-2.0, 2.0)
    bounds = domain if isinstance(domain[0], tuple) else (domain,) * count
    shapes = [[(3, 4)] * count, [()] * count, [(0, 3)] * count, [(5, 1, 2)] * count]
    if count > 1:
        shapes += [[(3, 4), (4,), (3, 1)][:count], [(1, 4), (3, 1), (1,)][:count]]

    def generate(make):
        for sizes in shapes:
            yield Sample(*(make(*s, low=b[0], high=b[1]) for s, b in zip(sizes, bounds)))
        transposed = [make(4, 3, low=b[0], high=b[1]).transpose(0, 1) for b in bounds]
        yield Sample(*(x.detach().requires_grad_() for x in transposed))

    return generate


def rows():
    """(name, callable, sample generator) for every op of the table."""
    for name, op in sorted(REGISTRY.items()):
        if isinstance(op, Elementwise) and op.differentiable and op.sampled and name not in SAMPLES:
            yield name, op, _elementwise_samples(op)
    for name, generate in sorted(SAMPLES.items()):
        yield name, FUNCTIONS.get(name) or METHODS.get(name) or REGISTRY[name], generate


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

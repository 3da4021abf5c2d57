"""What every op and function can be called on: the samples that they declare, and those made here.

The generic tests walk this table, and `python -m numbatorch warmup` compiles what it needs.
"""

import numpy as np

from . import creation, devices, dtypes
from .op import REGISTRY
from .ops.elementwise import Elementwise
from .ops.registry import FUNCTIONS, METHODS, SAMPLES, Sample


class Maker:
    """Makes random leaves on `place`; the same seed gives the same ones."""

    def __init__(self, seed=0, dtype=dtypes.float64, place=devices.CPU):
        self.generator = np.random.default_rng(seed)
        self.dtype = dtype
        self.place = place

    def __call__(self, *shape, low=-2.0, high=2.0, dtype=None, requires_grad=None):
        dtype = self.dtype if dtype is None else dtype
        if dtype.is_complex:
            values = self.generator.uniform(low, high, shape) + 1j * self.generator.uniform(
                low, high, shape
            )
        elif dtype.is_floating_point:
            values = self.generator.uniform(low, high, shape)
        elif dtype is dtypes.bool_:
            values = self.generator.integers(0, 2, shape).astype(bool)
        else:
            values = self.generator.integers(int(low), int(high), shape)
        result = creation.from_array(np.asarray(values), dtype, self.place)
        if requires_grad is None:
            requires_grad = dtype.is_floating_point or dtype.is_complex
        return result.detach().requires_grad_(requires_grad)

    def index(self, *shape, high):
        """Random int64 indices below `high`."""
        values = self.generator.integers(0, high, shape)
        return creation.from_array(np.asarray(values), dtypes.int64, self.place)

    def tensor(self, data, **kwargs):
        """A tensor with these values."""
        return creation.tensor(data, device=self.place, **kwargs)


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


def call(function, sample):
    """The results of a function on a sample."""
    args = list(sample.args)
    if sample.prepare is not None:
        args[0] = sample.prepare(args[0])
    results = function(*args, **sample.kwargs)
    return results if sample.finish is None else sample.finish(results)

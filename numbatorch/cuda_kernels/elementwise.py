"""Elementwise kernels: one formula over every element, operands read through their own strides."""

import functools

from .. import shapes
from ..cuda_memory import empty_on
from ..cuda_target import cuda, specialise
from ..formulas import conversion
from .native import memory, offset_of, padded

# Every kernel is a grid-stride loop. Where the dimensions collapse into one, `offset_of` is a single
# multiplication.


def unary(formula, load, store, convert):
    """out = formula(x, *parameters)."""

    def unary_kernel(out, out_layout, x, x_layout, sizes, count, parameters):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            value = formula(load(x[offset_of(i, sizes, x_layout)]), *parameters)
            out[offset_of(i, sizes, out_layout)] = store(convert(value))

    return unary_kernel


def binary(formula, load, store, convert):
    """out = formula(x, y, *parameters); x and y are of one type."""

    def binary_kernel(out, out_layout, x, x_layout, y, y_layout, sizes, count, parameters):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            left = load(x[offset_of(i, sizes, x_layout)])
            right = load(y[offset_of(i, sizes, y_layout)])
            value = formula(left, right, *parameters)
            out[offset_of(i, sizes, out_layout)] = store(convert(value))

    return binary_kernel


def ternary(formula, load_x, load, store, convert):
    """out = formula(x, y, z, *parameters); y and z are of one type, x may be of another."""

    def ternary_kernel(
        out, out_layout, x, x_layout, y, y_layout, z, z_layout, sizes, count, parameters
    ):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            first = load_x(x[offset_of(i, sizes, x_layout)])
            second = load(y[offset_of(i, sizes, y_layout)])
            third = load(z[offset_of(i, sizes, z_layout)])
            value = formula(first, second, third, *parameters)
            out[offset_of(i, sizes, out_layout)] = store(convert(value))

    return ternary_kernel


_TEMPLATES = {1: unary, 2: binary, 3: ternary}


def geometry(out, operands):
    """(sizes, [layout of each, `out` first]), collapsed as far as all strides allow."""
    shape = out.shape
    strides = [out.strides]
    for x in operands:
        same = x.shape == shape
        strides.append(x.strides if same else shapes.broadcast_strides(x.shape, x.strides, shape))
    sizes, strides = padded(*shapes.collapse(shape, strides))
    return sizes, [(*steps, x.offset) for steps, x in zip(strides, (out, *operands))]


_kernels = {}


def _specialise(key):
    formula, out, *operands = key
    loads = [conversion.load(operands[-1])]
    if len(operands) == 3:
        loads.insert(0, conversion.load(operands[0]))
    template = _TEMPLATES[len(operands)]
    kernel = specialise(template, formula, *loads, conversion.store(out), conversion.cast(out))
    _kernels[key] = kernel
    return kernel


def apply(formula, out, *operands, parameters=()):
    """out[...] = formula(*operands, *parameters), operands broadcast to the shape of `out`."""
    count = shapes.numel(out.shape)
    if count == 0:
        return
    key = (formula, out.dtype, *[x.dtype for x in operands])
    kernel = _kernels.get(key) or _specialise(key)
    sizes, layouts = geometry(out, operands)
    arguments = []
    for x, layout in zip((out, *operands), layouts):
        arguments += memory(x), layout
    compute = operands[-1].dtype.compute
    kernel(count, *arguments, sizes, count, tuple([compute(number) for number in parameters]))


def bind(formula, out, *operands, parameters=()):
    """apply for arrays of these Forms: a function of (out, *operands)."""
    return functools.partial(apply, formula, parameters=parameters)


def dense(x):
    """x itself where its elements lie in row-major order without gaps, else such a copy."""
    if x.contiguous_layout:
        return x
    copy = empty_on(x.storage.device_index, x.shape, x.dtype)
    apply(conversion.identity, copy, x)
    return copy

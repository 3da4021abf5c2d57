"""Elementwise kernels: one formula over every element of operands that broadcast to one shape."""

from itertools import chain

from numba.extending import register_jitable

from .. import cpu_target, recording, shapes
from ..array import empty
from ..formulas import conversion
from .native import integer, read, real, write
from .strided import DENSE, layout, offset_of, strided  # noqa: F401

#: Elements that are worth a thread of their own.
GRAIN = 16384


def parameter_reader(count, compute):
    """A function that reads `count` scalar parameters, from slot `first` on, as a tuple."""
    if count == 0:

        @register_jitable
        def read(arguments, first):
            return ()
    elif count == 1:

        @register_jitable
        def read(arguments, first):
            return (compute(real(arguments, first)),)
    elif count == 2:

        @register_jitable
        def read(arguments, first):
            return compute(real(arguments, first)), compute(real(arguments, first + 1))
    else:

        @register_jitable
        def read(arguments, first):
            return (
                compute(real(arguments, first)),
                compute(real(arguments, first + 1)),
                compute(real(arguments, first + 2)),
            )

    return read


# Dense kernels: every operand is a run of elements without gaps. Slots: the operands' addresses
# (output first), then the parameters.


def unary(formula, load, store, convert, x_type, reader):
    """out = formula(x, *parameters)."""

    def unary_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        parameters = reader(arguments, 2)
        for i in range(begin, end):
            value = formula(load(read(x, i, x_type)), *parameters)
            write(out, i, store(convert(value)))

    return unary_kernel


def binary(formula, load, store, convert, x_type, reader):
    """out = formula(x, y, *parameters); x and y are of one type."""

    def binary_kernel(begin, end, arguments):
        out, x, y = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        parameters = reader(arguments, 3)
        for i in range(begin, end):
            value = formula(load(read(x, i, x_type)), load(read(y, i, x_type)), *parameters)
            write(out, i, store(convert(value)))

    return binary_kernel


def ternary(formula, load_x, load, store, convert, x_type, y_type, reader):
    """out = formula(x, y, z, *parameters); y and z are of one type, x may be of another."""

    def ternary_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        y, z = integer(arguments, 2), integer(arguments, 3)
        parameters = reader(arguments, 4)
        for i in range(begin, end):
            chooser = load_x(read(x, i, x_type))
            value = formula(
                chooser, load(read(y, i, y_type)), load(read(z, i, y_type)), *parameters
            )
            write(out, i, store(convert(value)))

    return ternary_kernel


_TEMPLATES = {1: unary, 2: binary, 3: ternary}


def layout_of(out, operands):
    """(sizes, strides of each operand, output first), with as few dimensions as possible.

    Dimensions come in the order in which `out` lies in memory.
    """
    shape = out.shape
    strides = [out.strides]
    for x in operands:
        same = x.shape == shape
        strides.append(x.strides if same else shapes.broadcast_strides(x.shape, x.strides, shape))
    return shapes.collapse(*shapes.in_memory_order(shape, strides))


def geometry(out, operands):
    """(items, slots): the elements to visit, and the rank, sizes and strides of all operands."""
    sizes, strides = layout_of(out, operands)
    return shapes.numel(out.shape), [len(sizes), *sizes, *chain(*strides)]


def _dense_kernel(formula, out, operands, parameters):
    """The kernel for a formula on dense operands of these dtypes."""
    x, y = operands[0], operands[-1]
    reader = parameter_reader(parameters, y.compute)
    finish = conversion.store(out), conversion.cast(out)
    if len(operands) == 3:
        loads, elements = (conversion.load(x), conversion.load(y)), (x.numba, y.numba)
    else:
        loads, elements = (conversion.load(x),), (x.numba,)
    return cpu_target.specialise(
        _TEMPLATES[len(operands)], formula, *loads, *finish, *elements, reader
    )


#: (formula, form of every operand) -> (kernel, items, slots): the same call comes again every step.
_plans = {}
_MOST_PLANS = 8192


def _plan(key, formula, out, operands, parameters):
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    kernel = _dense_kernel(formula, out.dtype, [x.dtype for x in operands], parameters)
    sizes, strides = layout_of(out, operands)
    layouts = [layout(sizes, steps) for steps in strides]
    slots = ()
    if any(found != DENSE for found in layouts):
        everything = (out, *operands)
        slots = (
            kernel.pointer, len(everything), len(sizes), parameters,
            *[x.dtype.itemsize for x in everything], *layouts, *sizes, *chain(*strides),
        )  # fmt: skip
        kernel = cpu_target.specialise(strided)
    plan = _plans[key] = kernel, shapes.numel(out.shape), slots
    return plan


def _planned(formula, out, operands, parameters):
    """(kernel, items, slots) for arrays or Forms like these, and so many parameters."""
    key = [formula, out.dtype, out.shape, out.strides, parameters]
    for x in operands:
        key += x.dtype, x.shape, x.strides
    key = tuple(key)
    return _plans.get(key) or _plan(key, formula, out, operands, parameters)


def apply(formula, out, *operands, parameters=()):
    """out[...] = formula(*operands, *parameters), operands broadcast to the shape of `out`."""
    kernel, items, slots = _planned(formula, out, operands, len(parameters))
    if items:
        if recording.recorder is not None:
            recording.recorder.elementwise(formula, out, operands, parameters)
        addresses = [x.address for x in operands]
        kernel(items, GRAIN, *slots, out.address, *addresses, reals=parameters)


def bind(formula, out, *operands, parameters=()):
    """apply for arrays of these Forms: a function of (out, *operands)."""
    kernel, items, slots = _planned(formula, out, operands, len(parameters))
    first, count = len(slots), 1 + len(operands)
    slots = (*slots, *[0] * count, *cpu_target.real_slots(*parameters))
    return cpu_target.BoundKernel(kernel, items, GRAIN, slots, range(first, first + count))


def dense(x):
    """x itself where its elements lie in row-major order without gaps, else such a copy."""
    if x.contiguous_layout:
        return x
    copy = empty(x.shape, x.dtype)
    apply(conversion.identity, copy, x)
    return copy

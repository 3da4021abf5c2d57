"""Elementwise kernels: one formula over every element, operands read through their own strides."""

from numba.extending import register_jitable

from .. import jit, shapes
from ..array import empty
from ..formulas import conversion
from .native import integer, real, span

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


@register_jitable
def offset_of(position, arguments, sizes, strides, rank):
    """The offset of element `position` (a multiple of the last size) of a tensor.

    `sizes` and `strides` are the slots where the tensor's sizes and strides begin.
    """
    offset = 0
    for d in range(rank - 1, -1, -1):
        size = integer(arguments, sizes + d)
        offset += (position % size) * integer(arguments, strides + d)
        position //= size
    return offset


# Slots of every kernel below: the operands' addresses (output first), the rank, the sizes, then
# each operand's strides in elements. A run is a stretch of the last dimension.


def unary(formula, load, store, convert, x_type, out_type, x_bytes, out_bytes, reader):
    """out = formula(x, *parameters)."""

    def unary_kernel(begin, end, arguments):
        out, x, rank = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        width = integer(arguments, 2 + rank)
        out_step, x_step = integer(arguments, 2 + 2 * rank), integer(arguments, 2 + 3 * rank)
        parameters = reader(arguments, 3 + 3 * rank)
        position = begin
        while position < end:
            count = min(width - position % width, end - position)
            out_at = out + out_bytes * offset_of(position, arguments, 3, 3 + rank, rank)
            x_at = x + x_bytes * offset_of(position, arguments, 3, 3 + 2 * rank, rank)
            if out_step == 1 and x_step == 1:
                outs, xs = span(out_at, count, out_type), span(x_at, count, x_type)
                for i in range(count):
                    outs[i] = store(convert(formula(load(xs[i]), *parameters)))
            else:
                outs = span(out_at, count * out_step, out_type)
                xs = span(x_at, count * x_step + 1, x_type)
                for i in range(count):
                    outs[i * out_step] = store(convert(formula(load(xs[i * x_step]), *parameters)))
            position += count

    return unary_kernel


def binary(formula, load, store, convert, x_type, out_type, x_bytes, out_bytes, reader):
    """out = formula(x, y, *parameters); x and y are of one type."""

    def binary_kernel(begin, end, arguments):
        out, x, y = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        rank = integer(arguments, 3)
        width = integer(arguments, 3 + rank)
        out_step, x_step = integer(arguments, 3 + 2 * rank), integer(arguments, 3 + 3 * rank)
        y_step = integer(arguments, 3 + 4 * rank)
        parameters = reader(arguments, 4 + 4 * rank)
        position = begin
        while position < end:
            count = min(width - position % width, end - position)
            out_at = out + out_bytes * offset_of(position, arguments, 4, 4 + rank, rank)
            x_at = x + x_bytes * offset_of(position, arguments, 4, 4 + 2 * rank, rank)
            y_at = y + x_bytes * offset_of(position, arguments, 4, 4 + 3 * rank, rank)
            if out_step == 1 and x_step == 1 and y_step == 1:
                outs = span(out_at, count, out_type)
                xs, ys = span(x_at, count, x_type), span(y_at, count, x_type)
                for i in range(count):
                    outs[i] = store(convert(formula(load(xs[i]), load(ys[i]), *parameters)))
            elif out_step == 1 and x_step == 1 and y_step == 0:
                outs, xs = span(out_at, count, out_type), span(x_at, count, x_type)
                right = load(span(y_at, 1, x_type)[0])
                for i in range(count):
                    outs[i] = store(convert(formula(load(xs[i]), right, *parameters)))
            elif out_step == 1 and x_step == 0 and y_step == 1:
                outs, ys = span(out_at, count, out_type), span(y_at, count, x_type)
                left = load(span(x_at, 1, x_type)[0])
                for i in range(count):
                    outs[i] = store(convert(formula(left, load(ys[i]), *parameters)))
            else:
                outs = span(out_at, count * out_step, out_type)
                xs = span(x_at, count * x_step + 1, x_type)
                ys = span(y_at, count * y_step + 1, x_type)
                for i in range(count):
                    value = formula(load(xs[i * x_step]), load(ys[i * y_step]), *parameters)
                    outs[i * out_step] = store(convert(value))
            position += count

    return binary_kernel


def ternary(
    formula, load_x, load, store, convert, x_type, y_type, out_type, x_bytes, y_bytes, out_bytes, reader
):  # fmt: skip
    """out = formula(x, y, z, *parameters); y and z are of one type, x may be of another."""

    def ternary_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        y, z = integer(arguments, 2), integer(arguments, 3)
        rank = integer(arguments, 4)
        width = integer(arguments, 4 + rank)
        out_step, x_step = integer(arguments, 4 + 2 * rank), integer(arguments, 4 + 3 * rank)
        y_step, z_step = integer(arguments, 4 + 4 * rank), integer(arguments, 4 + 5 * rank)
        parameters = reader(arguments, 5 + 5 * rank)
        position = begin
        while position < end:
            count = min(width - position % width, end - position)
            out_at = out + out_bytes * offset_of(position, arguments, 5, 5 + rank, rank)
            x_at = x + x_bytes * offset_of(position, arguments, 5, 5 + 2 * rank, rank)
            y_at = y + y_bytes * offset_of(position, arguments, 5, 5 + 3 * rank, rank)
            z_at = z + y_bytes * offset_of(position, arguments, 5, 5 + 4 * rank, rank)
            if out_step == 1 and x_step == 1 and y_step == 1 and z_step == 1:
                outs, xs = span(out_at, count, out_type), span(x_at, count, x_type)
                ys, zs = span(y_at, count, y_type), span(z_at, count, y_type)
                for i in range(count):
                    value = formula(load_x(xs[i]), load(ys[i]), load(zs[i]), *parameters)
                    outs[i] = store(convert(value))
            else:
                outs = span(out_at, count * out_step, out_type)
                xs = span(x_at, count * x_step + 1, x_type)
                ys = span(y_at, count * y_step + 1, y_type)
                zs = span(z_at, count * z_step + 1, y_type)
                for i in range(count):
                    value = formula(
                        load_x(xs[i * x_step]),
                        load(ys[i * y_step]),
                        load(zs[i * z_step]),
                        *parameters,
                    )
                    outs[i * out_step] = store(convert(value))
            position += count

    return ternary_kernel


_TEMPLATES = {1: unary, 2: binary, 3: ternary}


def geometry(out, operands):
    """(items, slots): the elements to visit, and the rank, sizes and strides of all operands."""
    shape = out.shape
    strides = [out.strides]
    for x in operands:
        same = x.shape == shape
        strides.append(x.strides if same else shapes.broadcast_strides(x.shape, x.strides, shape))
    sizes, strides = shapes.collapse(shape, strides)
    slots = [len(sizes), *sizes]
    for operand_strides in strides:
        slots += operand_strides
    return shapes.numel(shape), slots


def _specialise(formula, out, operands, parameters):
    """The kernel for a formula on operands of these dtypes, output first."""
    x, y = operands[0], operands[-1]
    reader = parameter_reader(parameters, y.compute)
    if len(operands) == 3:
        parts = (
            conversion.load(x), conversion.load(y), conversion.store(out), conversion.cast(out),
            x.numba, y.numba, out.numba, x.itemsize, y.itemsize, out.itemsize, reader,
        )  # fmt: skip
    else:
        parts = (
            conversion.load(x), conversion.store(out), conversion.cast(out),
            x.numba, out.numba, x.itemsize, out.itemsize, reader,
        )  # fmt: skip
    return jit.specialise(_TEMPLATES[len(operands)], formula, *parts)


#: (formula, form of every operand) -> (kernel, items, slots): the same call comes again every step.
_plans = {}
_MOST_PLANS = 8192


def _plan(key, formula, out, operands, parameters):
    if len(_plans) >= _MOST_PLANS:
        _plans.clear()
    kernel = _specialise(formula, out.dtype, tuple(x.dtype for x in operands), len(parameters))
    plan = _plans[key] = (kernel, *geometry(out, operands))
    return plan


def apply(formula, out, *operands, parameters=()):
    """out[...] = formula(*operands, *parameters), operands broadcast to the shape of `out`."""
    key = [formula, out.dtype, out.shape, out.strides, len(parameters)]
    addresses = [out.address]
    for x in operands:
        key += x.dtype, x.shape, x.strides
        addresses.append(x.address)
    key = tuple(key)
    plan = _plans.get(key) or _plan(key, formula, out, operands, parameters)
    kernel, items, slots = plan
    kernel(items, GRAIN, *addresses, *slots, reals=parameters)


def dense(x):
    """x itself where its elements lie in row-major order without gaps, else such a copy."""
    if x.contiguous_layout:
        return x
    copy = empty(x.shape, x.dtype)
    apply(conversion.identity, copy, x)
    return copy

"""Elementwise kernels: one formula over every element of operands that broadcast to one shape.

Operands without gaps are read and written in runs of up to 16 bytes; all others one element at a
time, through their own strides.
"""

import functools

from .. import shapes
from ..cuda_memory import empty_on
from ..cuda_target import cuda, specialise
from ..formulas import conversion
from ..formulas.typed import formula as shared
from .native import memory, offset_of, padded
from .runs import ACCESS, run_mover

# Strided kernels ----------------------------------------------------------------------------------
# Every kernel is a grid-stride loop. Where the dimensions collapse into one, `offset_of` is a single
# multiplication.


def strided_unary(formula, load, store, convert):
    """out = formula(x, *parameters)."""

    def strided_unary_kernel(out, out_layout, x, x_layout, sizes, count, parameters):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            value = formula(load(x[offset_of(i, sizes, x_layout)]), *parameters)
            out[offset_of(i, sizes, out_layout)] = store(convert(value))

    return strided_unary_kernel


def strided_binary(formula, load, store, convert):
    """out = formula(x, y, *parameters); x and y are of one type."""

    def strided_binary_kernel(
        out, out_layout, x, x_layout, y, y_layout, sizes, count, parameters
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            left = load(x[offset_of(i, sizes, x_layout)])
            right = load(y[offset_of(i, sizes, y_layout)])
            value = formula(left, right, *parameters)
            out[offset_of(i, sizes, out_layout)] = store(convert(value))

    return strided_binary_kernel


def strided_ternary(formula, load_x, load, store, convert):
    """out = formula(x, y, z, *parameters); y and z are of one type, x may be of another."""

    def strided_ternary_kernel(
        out, out_layout, x, x_layout, y, y_layout, z, z_layout, sizes, count, parameters
    ):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            first = load_x(x[offset_of(i, sizes, x_layout)])
            second = load(y[offset_of(i, sizes, y_layout)])
            third = load(z[offset_of(i, sizes, z_layout)])
            value = formula(first, second, third, *parameters)
            out[offset_of(i, sizes, out_layout)] = store(convert(value))

    return strided_ternary_kernel


_STRIDED = {1: strided_unary, 2: strided_binary, 3: strided_ternary}

# Dense kernels ------------------------------------------------------------------------------------
# A thread takes `run` neighbouring elements at a time. An operand begins at element `start` of its
# memory; one that `repeats` has a single element there.


def run_reader(run, repeats):
    """read(kept, x, start, first, count): elements first, first + 1, ... of an operand of `count`."""
    move = run_mover(run, reads_aligned=True)

    @shared
    def read_one(kept, x, start, first, count):
        for k in range(run):
            kept[k] = x[start]

    @shared
    def read_run(kept, x, start, first, count):
        if first + run <= count:
            move(kept, 0, x, start + first)
        else:
            for k in range(run):
                kept[k] = x[start + min(first + k, count - 1)]

    return read_one if repeats else read_run


def run_writer(run):
    """write(out, start, kept, first, count): what run_reader reads, written."""
    move = run_mover(run, reads_aligned=False)

    @shared
    def write_run(out, start, kept, first, count):
        if first + run <= count:
            move(out, start + first, kept, 0)
        else:
            for k in range(run):
                if first + k < count:
                    out[start + first + k] = kept[k]

    return write_run


def unary(formula, load, store, convert, run, out_type, x_type, x_repeats):
    """out = formula(x, *parameters)."""
    read, write = run_reader(run, x_repeats), run_writer(run)

    def unary_kernel(out, out_start, x, x_start, count, parameters):
        values, results = cuda.local.array(run, x_type), cuda.local.array(run, out_type)
        for i in range(cuda.grid(1) * run, count, cuda.gridsize(1) * run):
            read(values, x, x_start, i, count)
            for k in range(run):
                results[k] = store(convert(formula(load(values[k]), *parameters)))
            write(out, out_start, results, i, count)

    return unary_kernel


def binary(formula, load, store, convert, run, out_type, x_type, x_repeats, y_type, y_repeats):
    """out = formula(x, y, *parameters); x and y are of one type."""
    read_x, read_y = run_reader(run, x_repeats), run_reader(run, y_repeats)
    write = run_writer(run)

    def binary_kernel(out, out_start, x, x_start, y, y_start, count, parameters):
        left, right = cuda.local.array(run, x_type), cuda.local.array(run, y_type)
        results = cuda.local.array(run, out_type)
        for i in range(cuda.grid(1) * run, count, cuda.gridsize(1) * run):
            read_x(left, x, x_start, i, count)
            read_y(right, y, y_start, i, count)
            for k in range(run):
                value = formula(load(left[k]), load(right[k]), *parameters)
                results[k] = store(convert(value))
            write(out, out_start, results, i, count)

    return binary_kernel


def ternary(
    formula, load_x, load, store, convert, run, out_type, x_type, x_repeats, y_type, y_repeats,
    z_type, z_repeats,
):  # fmt: skip
    """out = formula(x, y, z, *parameters); y and z are of one type, x may be of another."""
    read_x, read_y = run_reader(run, x_repeats), run_reader(run, y_repeats)
    read_z, write = run_reader(run, z_repeats), run_writer(run)

    def ternary_kernel(out, out_start, x, x_start, y, y_start, z, z_start, count, parameters):
        first, results = cuda.local.array(run, x_type), cuda.local.array(run, out_type)
        second, third = cuda.local.array(run, y_type), cuda.local.array(run, z_type)
        for i in range(cuda.grid(1) * run, count, cuda.gridsize(1) * run):
            read_x(first, x, x_start, i, count)
            read_y(second, y, y_start, i, count)
            read_z(third, z, z_start, i, count)
            for k in range(run):
                value = formula(load_x(first[k]), load(second[k]), load(third[k]), *parameters)
                results[k] = store(convert(value))
            write(out, out_start, results, i, count)

    return ternary_kernel


_DENSE = {1: unary, 2: binary, 3: ternary}


# Host functions -----------------------------------------------------------------------------------


def operand_strides(out, operands):
    """The strides of each array, `out` first, in the shape of `out`."""
    strides = [out.strides]
    for x in operands:
        same = x.shape == out.shape
        strides.append(
            x.strides if same else shapes.broadcast_strides(x.shape, x.strides, out.shape)
        )
    return strides


def layouts(sizes, strides, arrays):
    """(sizes, [layout of each array]), as strided kernels take them."""
    sizes, strides = padded(sizes, strides)
    return sizes, [(*steps, x.offset) for steps, x in zip(strides, arrays)]


def geometry(out, operands):
    """(sizes, [layout of each, `out` first]), collapsed as far as all strides allow."""
    strides = operand_strides(out, operands)
    return layouts(*shapes.collapse(out.shape, strides), (out, *operands))


def run_of(strides, arrays):
    """How many elements a thread takes at a time, as the widest type allows; 1 if some operand has
    gaps or does not begin where a run may."""
    if strides[0] != (1,):
        return 1
    run = ACCESS // max([x.dtype.itemsize for x in arrays])
    for (step,), x in zip(strides, arrays):
        if step not in (0, 1) or (step and x.address % (run * x.dtype.itemsize)):
            return 1
    return run


_kernels = {}


def _specialise(key):
    formula, run, out, *operands = key
    dtypes = [dtype for dtype, _ in operands]
    loads = [conversion.load(dtypes[-1])]
    if len(operands) == 3:
        loads.insert(0, conversion.load(dtypes[0]))
    values = formula, *loads, conversion.store(out), conversion.cast(out)
    if run == 1:
        kernel = specialise(_STRIDED[len(operands)], *values)
    else:
        types = [out.numba]
        for dtype, repeats in operands:
            types += dtype.numba, repeats
        kernel = specialise(_DENSE[len(operands)], *values, run, *types)
    _kernels[key] = kernel
    return kernel


def apply(formula, out, *operands, parameters=()):
    """out[...] = formula(*operands, *parameters), operands broadcast to the shape of `out`."""
    count = shapes.numel(out.shape)
    if count == 0:
        return
    arrays = out, *operands
    strides = operand_strides(out, operands)
    sizes, strides = shapes.collapse(*shapes.in_memory_order(out.shape, strides))
    run = run_of(strides, arrays)
    repeats = [run > 1 and steps == (0,) for steps in strides[1:]]
    key = (formula, run, out.dtype, *[(x.dtype, one) for x, one in zip(operands, repeats)])
    kernel = _kernels.get(key) or _specialise(key)
    compute = operands[-1].dtype.compute
    numbers = tuple([compute(number) for number in parameters])
    arguments = []
    if run == 1:
        sizes, places = layouts(sizes, strides, arrays)
        for x, layout in zip(arrays, places):
            arguments += memory(x), layout
        kernel(count, *arguments, sizes, count, numbers)
    else:
        for x in arrays:
            arguments += memory(x), x.offset
        kernel(-(-count // run), *arguments, count, numbers)


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

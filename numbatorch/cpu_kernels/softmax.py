"""softmax and log_softmax along a dimension, and their gradients.

A dense tensor is seen as (outer, size, inner). With inner = 1 a work item is a row; otherwise it is
a tile of neighbouring columns, so that both loops run along memory.
"""

from functools import cache

from .. import cpu_target, shapes
from ..formulas import conversion, exponential
from ..formulas import softmax as formulas
from ..formulas.accumulation import add, maximum
from ..formulas.working_types import computed, wider
from .elementwise import GRAIN, dense
from .native import integer, scratch, span
from .reduction import ROW_BLOCK

#: Neighbouring columns that are computed together.
TILE = 128


# Forward ----------------------------------------------------------------------------------------
# Slots: out, x, size, inner.


def forward_rows(of_total, finish, keep, load, store, element, value_type, total_type, itemsize):
    """Work items are rows. `keep`: the exponentials wait in `out`, else they are computed twice."""

    def softmax_row_kernel(begin, end, arguments):
        out, x, size = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        for row in range(begin, end):
            xs = span(x + row * size * itemsize, size, element)
            outs = span(out + row * size * itemsize, size, element)
            m = load(xs[0])
            for i in range(size):
                m = maximum(m, load(xs[i]))
            total = total_type(0)
            for block in range(0, size, ROW_BLOCK):
                count = min(ROW_BLOCK, size - block)
                at = (row * size + block) * itemsize
                x_block, out_block = span(x + at, count, element), span(out + at, count, element)
                part = value_type(0)
                for i in range(count):
                    e = exponential.exp(load(x_block[i]) - m)
                    part = add(part, e)
                    if keep:
                        out_block[i] = e
                total += total_type(part)
            t = value_type(of_total(total))
            for i in range(size):
                if keep:
                    outs[i] = finish(load(xs[i]), m, outs[i], t)
                else:
                    value = load(xs[i])
                    outs[i] = store(finish(value, m, exponential.exp(value - m), t))

    return softmax_row_kernel


def forward_columns(of_total, finish, keep, load, store, element, value_type, total_type, itemsize):
    """Work items are tiles of columns."""
    maximum_scratch, total_scratch = scratch(TILE, value_type), scratch(TILE, total_type)

    def softmax_column_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        size, inner = integer(arguments, 2), integer(arguments, 3)
        tiles = (inner + TILE - 1) // TILE
        m, totals = maximum_scratch(), total_scratch()
        for item in range(begin, end):
            first = (item % tiles) * TILE
            lanes = min(TILE, inner - first)
            at = ((item // tiles) * size * inner + first) * itemsize
            step = inner * itemsize
            xs = span(x + at, lanes, element)
            for j in range(lanes):
                m[j], totals[j] = load(xs[j]), total_type(0)
            for i in range(1, size):
                xs = span(x + at + i * step, lanes, element)
                for j in range(lanes):
                    m[j] = maximum(m[j], load(xs[j]))
            for i in range(size):
                xs = span(x + at + i * step, lanes, element)
                outs = span(out + at + i * step, lanes, element)
                for j in range(lanes):
                    e = exponential.exp(load(xs[j]) - m[j])
                    totals[j] += total_type(e)
                    if keep:
                        outs[j] = e
            for j in range(lanes):
                totals[j] = of_total(totals[j])
            for i in range(size):
                xs = span(x + at + i * step, lanes, element)
                outs = span(out + at + i * step, lanes, element)
                for j in range(lanes):
                    t = value_type(totals[j])
                    if keep:
                        outs[j] = finish(load(xs[j]), m[j], outs[j], t)
                    else:
                        value = load(xs[j])
                        outs[j] = store(finish(value, m[j], exponential.exp(value - m[j]), t))

    return softmax_column_kernel


# Gradient ---------------------------------------------------------------------------------------
# Slots: out, grad, y, size, inner.


def gradient_rows(summand, finish, load, store, element, value_type, total_type, itemsize):
    """Work items are rows."""

    def softmax_gradient_row_kernel(begin, end, arguments):
        out, grad, y = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        size = integer(arguments, 3)
        for row in range(begin, end):
            at = row * size * itemsize
            total = total_type(0)
            for block in range(0, size, ROW_BLOCK):
                count = min(ROW_BLOCK, size - block)
                grads = span(grad + at + block * itemsize, count, element)
                ys = span(y + at + block * itemsize, count, element)
                part = value_type(0)
                for i in range(count):
                    part = add(part, summand(load(grads[i]), load(ys[i])))
                total += total_type(part)
            t = value_type(total)
            outs = span(out + at, size, element)
            grads, ys = span(grad + at, size, element), span(y + at, size, element)
            for i in range(size):
                outs[i] = store(finish(load(grads[i]), load(ys[i]), t))

    return softmax_gradient_row_kernel


def gradient_columns(summand, finish, load, store, element, value_type, total_type, itemsize):
    """Work items are tiles of columns."""
    total_scratch = scratch(TILE, total_type)

    def softmax_gradient_column_kernel(begin, end, arguments):
        out, grad, y = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        size, inner = integer(arguments, 3), integer(arguments, 4)
        tiles = (inner + TILE - 1) // TILE
        totals = total_scratch()
        for item in range(begin, end):
            first = (item % tiles) * TILE
            lanes = min(TILE, inner - first)
            at = ((item // tiles) * size * inner + first) * itemsize
            step = inner * itemsize
            for j in range(lanes):
                totals[j] = total_type(0)
            for i in range(size):
                grads = span(grad + at + i * step, lanes, element)
                ys = span(y + at + i * step, lanes, element)
                for j in range(lanes):
                    totals[j] += total_type(summand(load(grads[j]), load(ys[j])))
            for i in range(size):
                grads = span(grad + at + i * step, lanes, element)
                ys = span(y + at + i * step, lanes, element)
                outs = span(out + at + i * step, lanes, element)
                for j in range(lanes):
                    value = finish(load(grads[j]), load(ys[j]), value_type(totals[j]))
                    outs[j] = store(value)

    return softmax_gradient_column_kernel


# Host functions ---------------------------------------------------------------------------------


@cache
def _forward_kernels(of_total, finish, dtype):
    value = computed(dtype)
    keep = not dtype.is_half and finish is formulas.softmax
    key = (
        of_total, finish, keep, conversion.load(dtype), conversion.store(dtype), dtype.numba,
        value.numba, wider(value).numba, dtype.itemsize,
    )  # fmt: skip
    return (
        cpu_target.specialise(forward_rows, *key),
        cpu_target.specialise(forward_columns, *key),
    )


@cache
def _gradient_kernels(summand, finish, dtype):
    value = computed(dtype)
    key = (
        summand, finish, conversion.load(dtype), conversion.store(dtype), dtype.numba, value.numba,
        wider(value).numba, dtype.itemsize,
    )  # fmt: skip
    return (
        cpu_target.specialise(gradient_rows, *key),
        cpu_target.specialise(gradient_columns, *key),
    )


def _launch(kernels, shape, dim, *addresses):
    size, inner = (shape[dim], shapes.numel(shape[dim + 1 :])) if shape else (1, 1)
    count = shapes.numel(shape)
    if count == 0:
        return
    outer = count // (size * inner)
    if inner == 1:
        kernels[0](outer, max(1, GRAIN // 4 // size), *addresses, size, inner)
    else:
        grain = max(1, GRAIN // 4 // (size * min(inner, TILE)))
        kernels[1](outer * -(-inner // TILE), grain, *addresses, size, inner)


def softmax(out, x, dim):
    """out = exp(x) / sum(exp(x)) along `dim`; `out` is dense."""
    x = dense(x)
    kernels = _forward_kernels(formulas.inverse, formulas.softmax, x.dtype)
    _launch(kernels, x.shape, dim, out.address, x.address)


def log_softmax(out, x, dim):
    """out = x - log(sum(exp(x))) along `dim`; `out` is dense."""
    x = dense(x)
    kernels = _forward_kernels(exponential.log, formulas.log_softmax, x.dtype)
    _launch(kernels, x.shape, dim, out.address, x.address)


def softmax_gradient(out, grad, y, dim):
    """The gradient of softmax's input, where y is its output; `out` is dense."""
    grad, y = dense(grad), dense(y)
    kernels = _gradient_kernels(formulas.softmax_summand, formulas.softmax_gradient, y.dtype)
    _launch(kernels, y.shape, dim, out.address, grad.address, y.address)


def log_softmax_gradient(out, grad, y, dim):
    """The gradient of log_softmax's input, where y is its output; `out` is dense."""
    grad, y = dense(grad), dense(y)
    kernels = _gradient_kernels(
        formulas.log_softmax_summand, formulas.log_softmax_gradient, y.dtype
    )
    _launch(kernels, y.shape, dim, out.address, grad.address, y.address)

"""Matrix products: out = a @ b, or start + a @ b, over any number of batch dimensions.

One plain loop serves every dtype and is the reference; float32 and float64 go through packed
panels and register tiles (gemm.py). Operands are read through their strides, never copied.
"""

from functools import cache, lru_cache

from .. import jit, shapes
from ..dtypes import float32, float64
from ..formulas import conversion
from .gemm import (
    DEPTH,
    block_multiplier,
    panel_memory,
    panel_packer,
    tile_columns,
    tile_height,
)
from .native import integer, span
from .strided import offset_of

#: Multiplications that are worth a thread of their own.
GRAIN = 65536

#: Rows of `a` that pass over one panel before the next: they stay in the second-level cache.
ROW_BLOCK = 240

_PANELLED = (float32, float64)

# Slots: addresses of out, a, b and start (0: none); rows, columns, depth; the strides in bytes of
# out, a, b and start (row, column each); rows of a block, blocks, panels; then the batch: rank,
# sizes, and strides in bytes of out, a, b and start.


def portable(load, store, convert, compute, element):
    """One dot product an output element; an item is a row of the output."""

    def portable_matmul_kernel(begin, end, arguments):
        rows, columns, depth = integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        out_row, out_column = integer(arguments, 7), integer(arguments, 8)
        a_row, a_step = integer(arguments, 9), integer(arguments, 10)
        b_step, b_column = integer(arguments, 11), integer(arguments, 12)
        start_row, start_column = integer(arguments, 13), integer(arguments, 14)
        rank = integer(arguments, 18)
        for item in range(begin, end):
            batch, i = item // rows, item % rows
            out = integer(arguments, 0) + offset_of(batch, arguments, 19, 19 + rank, rank)
            a = integer(arguments, 1) + offset_of(batch, arguments, 19, 19 + 2 * rank, rank)
            b = integer(arguments, 2) + offset_of(batch, arguments, 19, 19 + 3 * rank, rank)
            start = integer(arguments, 3)
            if start != 0:
                start += offset_of(batch, arguments, 19, 19 + 4 * rank, rank) + i * start_row
            for j in range(columns):
                total = compute(0)
                if start != 0:
                    total += load(span(start + j * start_column, 1, element)[0])
                for k in range(depth):
                    left = load(span(a + i * a_row + k * a_step, 1, element)[0])
                    right = load(span(b + k * b_step + j * b_column, 1, element)[0])
                    total += left * right
                place = span(out + i * out_row + j * out_column, 1, element)
                place[0] = store(convert(total))

    return portable_matmul_kernel


def panelled(element):
    """Panels of `b` under register tiles; an item is a block of rows by a panel of columns."""
    width = tile_columns(element)
    pack, multiply, memory = panel_packer(element), block_multiplier(element), panel_memory(element)
    depth_block = DEPTH

    def panelled_matmul_kernel(begin, end, arguments):
        rows, columns, depth = integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        out_row, out_column = integer(arguments, 7), integer(arguments, 8)
        a_row, a_step = integer(arguments, 9), integer(arguments, 10)
        b_step, b_column = integer(arguments, 11), integer(arguments, 12)
        start_row, start_column = integer(arguments, 13), integer(arguments, 14)
        block = integer(arguments, 15)
        blocks, panels = integer(arguments, 16), integer(arguments, 17)
        rank = integer(arguments, 18)
        panel = memory()
        for k in range(0, depth, depth_block):
            count = min(depth_block, depth - k)
            for item in range(begin, end):
                batch, i = item // (blocks * panels), item // panels % blocks * block
                j = item % panels * width
                out = integer(arguments, 0) + offset_of(batch, arguments, 19, 19 + rank, rank)
                a = integer(arguments, 1) + offset_of(batch, arguments, 19, 19 + 2 * rank, rank)
                b = integer(arguments, 2) + offset_of(batch, arguments, 19, 19 + 3 * rank, rank)
                out += i * out_row + j * out_column
                start, row_stride, column_stride = out, out_row, out_column
                if k == 0:
                    start, row_stride, column_stride = (
                        integer(arguments, 3),
                        start_row,
                        start_column,
                    )
                    if start != 0:
                        start += offset_of(batch, arguments, 19, 19 + 4 * rank, rank)
                        start += i * start_row + j * start_column
                b += k * b_step + j * b_column
                pack(panel, b, b_step, b_column, count, min(width, columns - j))
                multiply(
                    min(block, rows - i), min(width, columns - j), count,
                    a + i * a_row + k * a_step, a_row, a_step, panel,
                    start, row_stride, column_stride, out, out_row, out_column,
                )  # fmt: skip

    return panelled_matmul_kernel


@cache
def _portable_kernel(dtype):
    return jit.specialise(
        portable, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, dtype.numba,
    )  # fmt: skip


def _row_block(rows, panels, threads):
    """Rows of a block: few enough that every thread has blocks, in whole tiles."""
    wanted = -(-2 * threads // panels)
    return min(ROW_BLOCK, -(-rows // (wanted * tile_height())) * tile_height())


@lru_cache(maxsize=4096)
def _plan(dtype, threads, shape, out_strides, a_shape, a_strides, b_shape, b_strides, *start):
    """(kernel, items, grain, slots after the addresses) of a product, or None if it is empty."""
    *batch, rows, columns = shape
    depth = a_shape[-1]
    if 0 in shape:
        return None
    strides = [
        out_strides,
        shapes.broadcast_strides(a_shape, a_strides, (*batch, rows, depth)),
        shapes.broadcast_strides(b_shape, b_strides, (*batch, depth, columns)),
        shapes.broadcast_strides(*start, shape) if start else (0,) * len(shape),
    ]
    strides = [[stride * dtype.itemsize for stride in operand] for operand in strides]
    sizes, batch_strides = shapes.collapse(batch, [operand[:-2] for operand in strides])
    batches = shapes.numel(sizes)
    if dtype in _PANELLED and depth > 0:
        width = tile_columns(dtype.numba)
        panels = -(-columns // width)
        block = _row_block(rows, batches * panels, threads)
        blocks = -(-rows // block)
        kernel = jit.specialise(panelled, dtype.numba)
        items, work = batches * blocks * panels, block * width * depth
    else:
        block = blocks = panels = 1
        kernel = _portable_kernel(dtype)
        items, work = batches * rows, columns * max(depth, 1)
    slots = [rows, columns, depth]
    for operand in strides:
        slots += operand[-2:]
    slots += [block, blocks, panels, len(sizes), *sizes]
    for operand in batch_strides:
        slots += operand
    return kernel, items, -(-GRAIN // work), tuple(slots)


def matmul(out, a, b, start=None):
    """out = a @ b, or start + a @ b; shapes (..., n, k) and (..., k, m), batches broadcast.

    All are of one dtype. `start` broadcasts to the shape of `out`; it may be `out` itself.
    """
    geometry = out.shape, out.strides, a.shape, a.strides, b.shape, b.strides
    if start is None:
        plan = _plan(out.dtype, jit.get_num_threads(), *geometry)
        start_address = 0
    else:
        plan = _plan(out.dtype, jit.get_num_threads(), *geometry, start.shape, start.strides)
        start_address = start.address
    if plan is not None:
        kernel, items, grain, slots = plan
        kernel(items, grain, out.address, a.address, b.address, start_address, *slots)

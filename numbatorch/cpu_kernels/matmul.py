"""Matrix products: out = a @ b, or start + a @ b, over any number of batch dimensions.

One plain loop serves every dtype and is the reference; float32 and float64 go through packed
panels and register tiles (gemm.py). Operands are read through their strides, never copied.
"""

from functools import cache, lru_cache

import numpy as np

from .. import cpu_target, shapes
from ..array import Array, initialise
from ..dtypes import float32, float64
from ..formulas import conversion
from .gemm import (
    DEPTH,
    block_multiplier,
    panel_memory,
    panel_packer,
    row_packer,
    tile_columns,
    tile_height,
)
from .native import integer, span
from .packed_product import packed
from .product_tiles import dot_tile
from .strided import offset_of
from .vectors import lanes, stack

#: Multiplications that are worth a thread of their own.
GRAIN = 65536

#: Rows, and columns, of a tile of dot products; with so few rows, packing `b` would not pay.
DOT_TILE = 3

#: Rows of `a` that pass over one panel before the next: they stay in the second-level cache. Where
#: they are copied there first, they are half as many, and stay on the stack.
ROW_BLOCK, COPIED_ROW_BLOCK = 240, 128

#: Rows this many bytes apart push each other out of the first-level cache.
_COLLISION = 4096

#: Multiplications from which packing `b` before all else pays for the launch.
_WORTH_PACKING = 1 << 22

_PANELLED = (float32, float64)

# Slots: addresses of out, a, b and start (0: none); rows, columns, depth; the strides in bytes of
# out, a, b and start (row, column each); rows of a block, blocks, panels; then the batch: rank,
# sizes, and strides in bytes of out, a, b and start; for panels, whether to copy `a`, and the address
# of all panels of `b` (0: to be packed one at a time).


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
    copy_rows, tile_rows, size = row_packer(element), tile_height(), element.bitwidth // 8
    depth_block = DEPTH
    room_for_rows = stack((COPIED_ROW_BLOCK + tile_height()) * (DEPTH * size + 64))

    def panelled_matmul_kernel(begin, end, arguments):
        rows, columns, depth = integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        out_row, out_column = integer(arguments, 7), integer(arguments, 8)
        a_row, a_step = integer(arguments, 9), integer(arguments, 10)
        b_step, b_column = integer(arguments, 11), integer(arguments, 12)
        start_row, start_column = integer(arguments, 13), integer(arguments, 14)
        block = integer(arguments, 15)
        blocks, panels = integer(arguments, 16), integer(arguments, 17)
        rank = integer(arguments, 18)
        copied, packed_b = integer(arguments, 19 + 5 * rank), integer(arguments, 20 + 5 * rank)
        memory_of_panel, memory_of_rows = memory(), room_for_rows()
        a_tile, row_step, step = tile_rows * a_row, a_row, a_step
        for k in range(0, depth, depth_block):
            count = min(depth_block, depth - k)
            rows_there = -1
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
                panel = packed_b + (j * depth + k * width) * size
                if packed_b == 0:
                    panel = memory_of_panel
                    b += k * b_step + j * b_column
                    pack(panel, b, b_step, b_column, count, min(width, columns - j))
                a += i * a_row + k * a_step
                if copied != 0:
                    if rows_there != item // panels:
                        rows_there = item // panels
                        a_tile, row_step, step = copy_rows(
                            memory_of_rows, a, a_row, a_step, min(block, rows - i), count
                        )
                    a = memory_of_rows
                multiply(
                    min(block, rows - i), min(width, columns - j), count,
                    a, a_tile, row_step, step, panel,
                    start, row_stride, column_stride, out, out_row, out_column,
                )  # fmt: skip

    return panelled_matmul_kernel


def dotted(element):
    """Dot products along memory, for a few rows of `a`; an item is DOT_TILE columns."""
    size, side, tile_size = element.bitwidth // 8, lanes(element), DOT_TILE
    tile, memory = dot_tile(element, DOT_TILE, DOT_TILE), stack(8 * DOT_TILE + size * DOT_TILE**2)

    def dotted_matmul_kernel(begin, end, arguments):
        rows, columns, depth = integer(arguments, 4), integer(arguments, 5), integer(arguments, 6)
        out_row, out_column = integer(arguments, 7), integer(arguments, 8)
        a_row, b_column = integer(arguments, 9), integer(arguments, 12)
        start_row, start_column = integer(arguments, 13), integer(arguments, 14)
        panels, rank = integer(arguments, 17), integer(arguments, 18)
        table = memory()
        offsets = span(table, tile_size, np.int64)
        sums = span(table + 8 * tile_size, tile_size * tile_size, element)
        for j in range(tile_size):
            offsets[j] = j * b_column
        for item in range(begin, end):
            batch, first = item // panels, item % panels * tile_size
            count = min(tile_size, columns - first)
            out = integer(arguments, 0) + offset_of(batch, arguments, 19, 19 + rank, rank)
            a = integer(arguments, 1) + offset_of(batch, arguments, 19, 19 + 2 * rank, rank)
            b = integer(arguments, 2) + offset_of(batch, arguments, 19, 19 + 3 * rank, rank)
            start = integer(arguments, 3)
            if start != 0:
                start += offset_of(batch, arguments, 19, 19 + 4 * rank, rank) + first * start_column
            out += first * out_column
            b += first * b_column
            for i in range(rows):
                for j in range(count):
                    value = element(0)
                    if start != 0:
                        value = span(start + i * start_row + j * start_column, 1, element)[0]
                    sums[i * tile_size + j] = value
            vectors = depth // side
            tile(
                vectors, a, a_row, b, table, table + 8 * tile_size, tile_size * size, rows, count
            )  # fmt: skip
            for i in range(rows):
                left = span(a + i * a_row, depth, element)
                for j in range(count):
                    right = span(b + j * b_column, depth, element)
                    value = sums[i * tile_size + j]
                    for k in range(vectors * side, depth):
                        value += left[k] * right[k]
                    span(out + i * out_row + j * out_column, 1, element)[0] = value

    return dotted_matmul_kernel


@cache
def _portable_kernel(dtype):
    return cpu_target.specialise(
        portable, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, dtype.numba,
    )  # fmt: skip


def _row_block(rows, panels, threads, most):
    """Rows of a block: at most `most`, so few that every thread has blocks, in whole tiles."""
    blocks = max(-(-2 * threads // panels), -(-rows // most))
    return -(-rows // (blocks * tile_height())) * tile_height()


def _reads_badly(row, step, itemsize):
    """Whether tiles that read `a` through these strides in bytes would keep missing the cache."""
    if step == itemsize:
        return row % _COLLISION == 0 and row > 0
    return row == itemsize


@lru_cache(maxsize=4096)
def _plan(dtype, threads, shape, out_strides, a_shape, a_strides, b_shape, b_strides, *start):
    """(kernel, items, grain, slots, swapped, packs) of a product, or None if it is empty.

    The slots are those after the addresses; `swapped` says that b.T @ a.T is to be computed, `packs`
    that b is to be packed before.
    """
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
    batches, swapped, packs, copied = shapes.numel(sizes), False, False, False
    dots = dtype in _PANELLED and depth >= 2 * lanes(dtype.numba)
    dots = dots and strides[1][-1] == strides[2][-2] == dtype.itemsize
    if dots and min(rows, columns) <= DOT_TILE:
        swapped = rows > DOT_TILE
        if swapped:
            rows, columns = columns, rows
            strides = [[*operand[:-2], *operand[:-3:-1]] for operand in strides]
            for operands in (strides, batch_strides):
                operands[1], operands[2] = operands[2], operands[1]
        block, blocks, panels = rows, 1, -(-columns // DOT_TILE)
        kernel = cpu_target.specialise(dotted, dtype.numba)
        items, work = batches * panels, rows * DOT_TILE * depth
    elif dtype in _PANELLED and depth > 0:
        width = tile_columns(dtype.numba)
        panels = -(-columns // width)
        copied = panels > 2 and _reads_badly(*strides[1][-2:], dtype.itemsize)
        most = COPIED_ROW_BLOCK if copied else ROW_BLOCK
        block = _row_block(rows, batches * panels, threads, most)
        blocks = -(-rows // block)
        packs = batches == 1 and blocks > 1 and rows * columns * depth >= _WORTH_PACKING
        kernel = cpu_target.specialise(panelled, dtype.numba)
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
    return kernel, items, -(-GRAIN // work), (*slots, int(copied)), swapped, packs


def _matrix(x):
    """A batch of one matrix, without the batch."""
    return initialise(Array(), x.storage, x.dtype, x.shape[-2:], x.strides[-2:], x.offset)


def matmul(out, a, b, start=None):
    """out = a @ b, or start + a @ b; shapes (..., n, k) and (..., k, m), batches broadcast.

    All are of one dtype. `start` broadcasts to the shape of `out`; it may be `out` itself.
    """
    geometry = out.shape, out.strides, a.shape, a.strides, b.shape, b.strides
    if start is None:
        plan = _plan(out.dtype, cpu_target.get_num_threads(), *geometry)
        start_address = 0
    else:
        plan = _plan(out.dtype, cpu_target.get_num_threads(), *geometry, start.shape, start.strides)
        start_address = start.address
    if plan is not None:
        kernel, items, grain, slots, swapped, packs = plan
        if swapped:
            a, b = b, a
        panels = packed(_matrix(b)) if packs else None
        kernel(
            items, grain, out.address, a.address, b.address, start_address, *slots,
            panels.address if packs else 0,
        )  # fmt: skip


def bind(out, a, b, start=None):
    """matmul for arrays of these Forms, as a function of (out, a, b), or (out, a, b, start).

    None where there is work for several threads: then the plan depends on their number.
    """
    of_start = () if start is None else (start.shape, start.strides)
    plan = _plan(
        out.dtype, 1, out.shape, out.strides, a.shape, a.strides, b.shape, b.strides, *of_start
    )
    if plan is None:
        return cpu_target.BoundKernel(None, 0, 1, (), (-1,) * 4)
    kernel, items, grain, slots, swapped, packs = plan
    if packs or items >= 2 * grain:
        return None
    places = (0, 2, 1, 3) if swapped else (0, 1, 2, 3)
    count = 3 if start is None else 4
    return cpu_target.BoundKernel(kernel, items, grain, (0, 0, 0, 0, *slots, 0), places[:count])

"""Matrix products: out = a @ b, or start + a @ b, over any number of batch dimensions.

A block computes one tile of the output from tiles of `a` and `b` that pass through shared memory.
Operands are read through their strides, never copied; 16-bit floats are summed in float32.
"""

from .. import shapes
from ..cuda_target import MOST_BLOCKS_Y, TILE, cuda, specialise
from ..formulas import conversion
from .native import memory, offset_of, padded


def tiled(load, store, convert, compute, has_start):
    """Threads (x, y) of a block compute element (y, x) of a TILE x TILE tile of the output."""

    def matmul_kernel(
        out, out_layout, out_row, out_column, a, a_layout, a_row, a_step, b, b_layout, b_step,
        b_column, start, start_layout, start_row, start_column, batch_sizes, batches, rows,
        columns, depth,
    ):  # fmt: skip
        a_tile = cuda.shared.array((TILE, TILE), compute)
        b_tile = cuda.shared.array((TILE, TILE), compute)
        x, y = cuda.threadIdx.x, cuda.threadIdx.y
        tiles_across = (columns + TILE - 1) // TILE
        tiles = (rows + TILE - 1) // TILE * tiles_across
        for batch in range(cuda.blockIdx.y, batches, cuda.gridDim.y):
            a_start = offset_of(batch, batch_sizes, a_layout)
            b_start = offset_of(batch, batch_sizes, b_layout)
            for tile in range(cuda.blockIdx.x, tiles, cuda.gridDim.x):
                i = tile // tiles_across * TILE + y
                j = tile % tiles_across * TILE + x
                total = compute(0)
                for k in range(0, depth, TILE):
                    value = compute(0)
                    if i < rows and k + x < depth:
                        value = load(a[a_start + i * a_row + (k + x) * a_step])
                    a_tile[y, x] = value
                    value = compute(0)
                    if k + y < depth and j < columns:
                        value = load(b[b_start + (k + y) * b_step + j * b_column])
                    b_tile[y, x] = value
                    cuda.syncthreads()
                    for m in range(TILE):
                        total += a_tile[y, m] * b_tile[m, x]
                    cuda.syncthreads()
                if i < rows and j < columns:
                    if has_start:
                        at = offset_of(batch, batch_sizes, start_layout)
                        total += load(start[at + i * start_row + j * start_column])
                    at = offset_of(batch, batch_sizes, out_layout)
                    out[at + i * out_row + j * out_column] = store(convert(total))

    return matmul_kernel


def matmul(out, a, b, start=None):
    """out = a @ b, or start + a @ b; shapes (..., n, k) and (..., k, m), batches broadcast.

    All are of one dtype. `start` broadcasts to the shape of `out`; it may be `out` itself.
    """
    *batch, rows, columns = out.shape
    depth = a.shape[-1]
    if 0 in out.shape:
        return
    first = out if start is None else start
    strides = [
        out.strides,
        shapes.broadcast_strides(a.shape, a.strides, (*batch, rows, depth)),
        shapes.broadcast_strides(b.shape, b.strides, (*batch, depth, columns)),
        shapes.broadcast_strides(first.shape, first.strides, out.shape),
    ]
    sizes, batch_strides = padded(*shapes.collapse(batch, [steps[:-2] for steps in strides]))
    arguments = []
    for x, steps, batch_steps in zip((out, a, b, first), strides, batch_strides):
        arguments += memory(x), (*batch_steps, x.offset), *steps[-2:]
    dtype = out.dtype
    kernel = specialise(
        tiled, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, start is not None,
    )  # fmt: skip
    tiles = -(-rows // TILE) * -(-columns // TILE)
    batches = shapes.numel(sizes)
    kernel.launch(
        (tiles, min(batches, MOST_BLOCKS_Y)), (TILE, TILE),
        *arguments, sizes, batches, rows, columns, depth,
    )  # fmt: skip


def bind(out, a, b, start=None):
    """None: a launch here is not worth a plan."""

"""Matrix products: out = a @ b, or start + a @ b, over any number of batch dimensions.

A block computes one tile of the output (product_tiles.py). Operands are read through their strides,
never copied; 16-bit floats are summed in float32.
"""

from .. import cuda_blas, shapes
from ..cuda_target import cuda, driver, specialise
from ..formulas import conversion
from ..formulas.typed import formula
from .elementwise import apply
from .native import memory, offset_of, padded
from .product_tiles import SIDE, elements_per_thread, per_thread, place_of, share, tile_loop, tiles


def line_reader(load, compute, micro):
    """How a thread brings its share of a tile of a matrix whose elements lie at even distances."""
    count = per_thread(micro)

    @formula
    def fetch(kept, x, place, own, step):
        start, first_line, lines, depth, line_stride, step_stride = place
        line, own_step, more_lines, more_steps = own
        line, step = first_line + line, step + own_step
        at = start + line * line_stride + step * step_stride
        further = more_lines * line_stride + more_steps * step_stride
        for n in range(count):
            value = compute(0)
            if line + n * more_lines < lines and step + n * more_steps < depth:
                value = load(x[at + n * further])
            kept[n] = value

    return fetch


def tiled(load, store, convert, compute, has_start, micro):
    """A block computes one tile of a batch's product."""
    fetch = line_reader(load, compute, micro)
    multiply, find_place = tile_loop(compute, micro, fetch, fetch), place_of(micro, compute)
    along_depth, across_lines = share(True, micro), share(False, micro)
    side = SIDE * micro

    def matmul_kernel(
        out, out_layout, out_row, out_column, a, a_layout, a_row, a_step, b, b_layout, b_step,
        b_column, start, start_layout, start_row, start_column, batch_sizes, rows, columns, depth,
    ):  # fmt: skip
        totals = cuda.local.array((micro, micro), compute)
        tiles_across = (columns + side - 1) // side
        tiles = (rows + side - 1) // side * tiles_across
        batch, tile = cuda.blockIdx.x // tiles, cuda.blockIdx.x % tiles
        first_row, first_column = tile // tiles_across * side, tile % tiles_across * side
        a_start = offset_of(batch, batch_sizes, a_layout)
        b_start = offset_of(batch, batch_sizes, b_layout)
        a_own = along_depth() if a_step == 1 else across_lines()
        b_own = along_depth() if b_column != 1 else across_lines()
        a_place = a_start, first_row, rows, depth, a_row, a_step
        b_place = b_start, first_column, columns, depth, b_column, b_step
        multiply(totals, a, a_place, a_own, b, b_place, b_own, 0, depth)
        start_at = offset_of(batch, batch_sizes, start_layout)
        out_at = offset_of(batch, batch_sizes, out_layout)
        for m in range(micro):
            row = first_row + find_place(m)[0]
            for n in range(micro):
                column = first_column + find_place(n)[1]
                if row < rows and column < columns:
                    total = totals[m, n]
                    if has_start:
                        total += load(start[start_at + row * start_row + column * start_column])
                    out[out_at + row * out_row + column * out_column] = store(convert(total))

    return matmul_kernel


def _by_library(out, a, b, start, strides, batch_strides, batches):
    """Let cuBLAS do it; False where it cannot."""
    operands = [
        cuda_blas.Matrices(x.address, *x.shape[-2:], *steps[-2:], batch_steps[0])
        for x, steps, batch_steps in zip((out, a, b), strides, batch_strides)
    ]
    product = cuda_blas.Product.of(out.dtype, *operands, batches)
    if product is None:
        return False
    if start is not None and start is not out:
        apply(conversion.identity, out, start)
    product.compute(driver(), out.storage.device_index, start is not None)
    return True


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
    if cuda_blas.library() is not None and len(sizes) == 1:
        by_library = _by_library(out, a, b, start, strides, batch_strides, sizes[0])
        if by_library:
            return
    arguments = []
    for x, steps, batch_steps in zip((out, a, b, first), strides, batch_strides):
        arguments += memory(x), (*batch_steps, x.offset), *steps[-2:]
    dtype, batches = out.dtype, shapes.numel(sizes)

    micro = elements_per_thread(dtype.compute, rows, columns, batches, out.storage.device_index)
    kernel = specialise(
        tiled, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, start is not None, micro,
    )  # fmt: skip
    blocks = tiles(rows, columns, micro) * batches
    kernel.launch(blocks, SIDE * SIDE, *arguments, sizes, rows, columns, depth)


def bind(out, a, b, start=None):
    """None: a launch here is not worth a plan."""

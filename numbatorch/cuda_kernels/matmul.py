"""Matrix products: out = a @ b, or start + a @ b, over any number of batch dimensions.

A block computes one tile of the output, SIDE x SIDE threads `micro` x `micro` elements each, in
registers. Tiles of `a` and `b`, DEPTH deep, pass through shared memory in two pages: while one is
multiplied, the next is on its way. Operands are read through their strides, never copied; 16-bit
floats are summed in float32.
"""

from numba import types

from .. import cuda_blas, shapes
from ..cuda_target import SIMULATED, cuda, driver, resident_threads, specialise
from ..formulas import conversion
from ..formulas.typed import formula
from .elementwise import apply
from .native import memory, offset_of, padded
from .runs import run_length, run_mover

#: Threads of a block along rows, and along columns.
SIDE = 2 if SIMULATED else 16

#: Rows of `b`, columns of `a`, in shared memory at a time.
DEPTH = 4 if SIMULATED else 8

#: Elements of a thread along rows and along columns: of large products in float32, and of others.
LARGE, SMALL = (2, 1) if SIMULATED else (8, 4)

#: Where pages begin, so that runs in them can be read at once.
ALIGNED = 16

#: Elements between the lines of a page, so that threads that write a column use different banks.
_PADDING = 4


def tile_reader(load, compute, side, per_thread):
    """How threads bring a tile of an operand from memory to registers, and from there to a page."""
    threads = SIDE * SIDE

    @formula
    def share(along_depth):
        """(line, step) of the thread's first element, and how far on the next one lies in each.

        A line is a row of `a` or a column of `b`; neighbouring threads read neighbouring elements.
        """
        thread = cuda.threadIdx.x
        if along_depth:
            return thread // DEPTH, thread % DEPTH, threads // DEPTH, 0
        return thread % side, thread // side, 0, threads // side

    @formula
    def fetch(kept, x, start, line, step, more_lines, more_steps, lines, depth, strides):
        at = start + line * strides[0] + step * strides[1]
        further = more_lines * strides[0] + more_steps * strides[1]
        for n in range(per_thread):
            value = compute(0)
            if line + n * more_lines < lines and step + n * more_steps < depth:
                value = load(x[at + n * further])
            kept[n] = value

    @formula
    def put(tile, at, further, kept):
        for n in range(per_thread):
            tile[at + n * further] = kept[n]

    return share, fetch, put


def tiled(load, store, convert, compute, has_start, micro):
    """Thread (x, y) of a block has runs of rows y and columns x, SIDE runs apart."""
    run = min(micro, run_length(compute))
    read_run = run_mover(run, reads_aligned=True)
    side = SIDE * micro
    pitch = side + _PADDING
    page_size = DEPTH * pitch
    tile_size = 2 * page_size
    per_thread = DEPTH * side // (SIDE * SIDE)
    share, fetch, put = tile_reader(load, compute, side, per_thread)

    def matmul_kernel(
        out, out_layout, out_row, out_column, a, a_layout, a_row, a_step, b, b_layout, b_step,
        b_column, start, start_layout, start_row, start_column, batch_sizes, rows, columns, depth,
    ):  # fmt: skip
        a_tile = cuda.shared.array(tile_size, compute, ALIGNED)
        b_tile = cuda.shared.array(tile_size, compute, ALIGNED)
        totals = cuda.local.array((micro, micro), compute)
        left, right = cuda.local.array(micro, compute), cuda.local.array(micro, compute)
        next_a, next_b = (
            cuda.local.array(per_thread, compute),
            cuda.local.array(per_thread, compute),
        )
        x, y = cuda.threadIdx.x % SIDE * run, cuda.threadIdx.x // SIDE * run
        tiles_across = (columns + side - 1) // side
        tiles = (rows + side - 1) // side * tiles_across
        batch, tile = cuda.blockIdx.x // tiles, cuda.blockIdx.x % tiles
        first_row, first_column = tile // tiles_across * side, tile % tiles_across * side
        a_start = offset_of(batch, batch_sizes, a_layout)
        b_start = offset_of(batch, batch_sizes, b_layout)
        i, a_m, more_rows, more_a = share(a_step == 1)
        j, b_m, more_columns, more_b = share(b_column != 1)
        a_put, a_further = a_m * pitch + i, more_a * pitch + more_rows
        b_put, b_further = b_m * pitch + j, more_b * pitch + more_columns
        i, j = first_row + i, first_column + j
        for m in range(micro):
            for n in range(micro):
                totals[m, n] = compute(0)
        fetch(next_a, a, a_start, i, a_m, more_rows, more_a, rows, depth, (a_row, a_step))
        fetch(next_b, b, b_start, j, b_m, more_columns, more_b, columns, depth, (b_column, b_step))
        page = 0
        for k in range(DEPTH, depth + DEPTH, DEPTH):
            put(a_tile, page + a_put, a_further, next_a)
            put(b_tile, page + b_put, b_further, next_b)
            cuda.syncthreads()
            fetch(next_a, a, a_start, i, k + a_m, more_rows, more_a, rows, depth, (a_row, a_step))
            fetch(
                next_b, b, b_start, j, k + b_m, more_columns, more_b, columns, depth,
                (b_column, b_step),
            )  # fmt: skip
            for step in range(DEPTH):
                at = page + step * pitch
                for n in range(0, micro, run):
                    read_run(left, n, a_tile, at + n * SIDE + y)
                    read_run(right, n, b_tile, at + n * SIDE + x)
                for m in range(micro):
                    for n in range(micro):
                        totals[m, n] += left[m] * right[n]
            page = page_size - page
        start_at = offset_of(batch, batch_sizes, start_layout)
        out_at = offset_of(batch, batch_sizes, out_layout)
        for m in range(micro):
            row = first_row + m // run * run * SIDE + y + m % run
            for n in range(micro):
                column = first_column + n // run * run * SIDE + x + n % run
                if row < rows and column < columns:
                    total = totals[m, n]
                    if has_start:
                        total += load(start[start_at + row * start_row + column * start_column])
                    out[out_at + row * out_row + column * out_column] = store(convert(total))

    return matmul_kernel


def _elements_per_thread(dtype, tiles, index):
    """LARGE where tiles of that size are enough for all multiprocessors; 2048 threads go to each."""
    is_worth_it = dtype.compute == types.float32 and tiles * 2048 >= resident_threads(index)
    return LARGE if is_worth_it else SMALL


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

    def tiles(micro):
        return -(-rows // (SIDE * micro)) * -(-columns // (SIDE * micro))

    micro = _elements_per_thread(dtype, tiles(LARGE) * batches, out.storage.device_index)
    kernel = specialise(
        tiled, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, start is not None, micro,
    )  # fmt: skip
    kernel.launch(tiles(micro) * batches, SIDE * SIDE, *arguments, sizes, rows, columns, depth)


def bind(out, a, b, start=None):
    """None: a launch here is not worth a plan."""

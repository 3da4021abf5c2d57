"""The loop of products and of convolutions: tiles of two matrices, multiplied from shared memory.

A block computes one tile of the result, SIDE x SIDE threads `micro` x `micro` elements each, in
registers. Tiles of `a` and `b`, DEPTH deep, pass through shared memory in two pages: while one is
multiplied, the next is on its way. How an element is found in memory is the caller's affair.
"""

from numba import types

from ..cuda_target import SIMULATED, cuda, resident_threads
from ..formulas.typed import formula
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


def per_thread(micro):
    """How many elements of a tile of an operand one thread brings."""
    return DEPTH * micro // SIDE


def share(along_depth, micro):
    """A function () -> (line, step, more_lines, more_steps): the first element that a thread brings,
    and how far on the next one lies.

    A line is a row of `a` or a column of `b`. Neighbouring threads bring neighbours along the depth
    of a line, or of neighbouring lines.
    """
    side, threads = SIDE * micro, SIDE * SIDE

    @formula
    def share_along_depth():
        thread = cuda.threadIdx.x
        return thread // DEPTH, thread % DEPTH, threads // DEPTH, 0

    @formula
    def share_across_lines():
        thread = cuda.threadIdx.x
        return thread % side, thread // side, 0, threads // side

    return share_along_depth if along_depth else share_across_lines


def place_of(micro, compute):
    """A function (number) -> (row, column) in the tile of a thread's rows and columns of that number.

    Thread (x, y) has runs of rows y and columns x, SIDE runs apart, so that runs are read at once.
    """
    run = min(micro, run_length(compute))

    @formula
    def find_place(number):
        thread = cuda.threadIdx.x
        first = number // run * run * SIDE + number % run
        return first + thread // SIDE * run, first + thread % SIDE * run

    return find_place


def tile_loop(compute, micro, fetch_a, fetch_b):
    """A function that fills `totals`, the thread's part of a @ b, over steps `first` to `end`.

    fetch(kept, x, place, own, step) brings the thread's share `own` of the tile that begins at `step`
    of operand `x`, zeros where there is nothing; `place` tells the caller's function where.
    """
    count = per_thread(micro)
    run = min(micro, run_length(compute))
    read_run = run_mover(run, reads_aligned=True)
    pitch = SIDE * micro + _PADDING
    page_size = DEPTH * pitch
    tile_size = 2 * page_size

    @formula
    def put(tile, page, own, kept):
        line, step, more_lines, more_steps = own
        at, further = page + step * pitch + line, more_steps * pitch + more_lines
        for n in range(count):
            tile[at + n * further] = kept[n]

    @formula
    def multiply(totals, a, a_place, a_own, b, b_place, b_own, first, end):
        a_tile = cuda.shared.array(tile_size, compute, ALIGNED)
        b_tile = cuda.shared.array(tile_size, compute, ALIGNED)
        left, right = cuda.local.array(micro, compute), cuda.local.array(micro, compute)
        next_a, next_b = cuda.local.array(count, compute), cuda.local.array(count, compute)
        x, y = cuda.threadIdx.x % SIDE * run, cuda.threadIdx.x // SIDE * run
        for m in range(micro):
            for n in range(micro):
                totals[m, n] = compute(0)
        fetch_a(next_a, a, a_place, a_own, first)
        fetch_b(next_b, b, b_place, b_own, first)
        page = 0
        for k in range(first + DEPTH, end + DEPTH, DEPTH):
            put(a_tile, page, a_own, next_a)
            put(b_tile, page, b_own, next_b)
            cuda.syncthreads()
            fetch_a(next_a, a, a_place, a_own, k)
            fetch_b(next_b, b, b_place, b_own, k)
            for step in range(DEPTH):
                at = page + step * pitch
                for n in range(0, micro, run):
                    read_run(left, n, a_tile, at + n * SIDE + y)
                    read_run(right, n, b_tile, at + n * SIDE + x)
                for m in range(micro):
                    for n in range(micro):
                        totals[m, n] += left[m] * right[n]
            page = page_size - page

    return multiply


def tiles(rows, columns, micro):
    """How many tiles cover a result."""
    return -(-rows // (SIDE * micro)) * -(-columns // (SIDE * micro))


def elements_per_thread(compute, rows, columns, batches, index):
    """LARGE where tiles of that size are filled, and enough for all multiprocessors of the device
    `index`; 2048 threads go to each."""
    is_filled = compute == types.float32 and min(rows, columns) > SIDE * SMALL
    is_enough = tiles(rows, columns, LARGE) * batches * 2048 >= resident_threads(index)
    return LARGE if is_filled and is_enough else SMALL

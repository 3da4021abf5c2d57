"""What kernels and host functions share: how operands are reached, and what a block does together."""

import numpy as np

from .. import cuda_streams, shapes
from ..cuda_memory import empty_on
from ..cuda_target import SIMULATED, THREADS, cuda, specialise
from ..formulas.typed import formula

# Operands ---------------------------------------------------------------------------------------
# A strided operand is two kernel arguments: all of its memory as a typed array, and its layout, the
# strides and after them the offset (in elements).


@formula
def offset_of(position, sizes, layout):
    """Where element `position`, counted in row-major order, of a strided operand lies."""
    offset = layout[len(sizes)]
    for d in range(len(sizes) - 1, 0, -1):
        offset += position % sizes[d] * layout[d]
        position //= sizes[d]
    return offset + position * layout[0]


_RANKS = (1, 4, 8, 16, 32, 64)


def padded(sizes, strides):
    """(sizes, [strides of each]) with leading dimensions of size 1, up to one of a few ranks.

    A kernel is compiled for every rank that it meets.
    """
    rank = next(rank for rank in _RANKS if rank >= len(sizes))
    missing = rank - len(sizes)
    return (1,) * missing + tuple(sizes), [(0,) * missing + tuple(steps) for steps in strides]


def memory(x):
    """The memory of an Array as a typed device array, all of it."""
    return x.storage.typed(x.dtype.numba)


def flat(x, element=None):
    """The elements of a dense Array as a device array, of another type of that size if need be."""
    whole = x.storage.typed(element or x.dtype.numba)
    count = shapes.numel(x.shape)
    if x.offset == 0 and (whole.size == count or not SIMULATED):
        return whole  # a card's array may be longer, which no kernel looks at
    part = whole[x.offset : x.offset + count]
    part.device_index = x.storage.device_index
    return part


# A block ----------------------------------------------------------------------------------------


def block_reducer(combine, element):
    """A function that combines a value of every thread of a block; each thread gets the result."""

    @formula
    def reduce_block(value):
        values = cuda.shared.array(THREADS, element)
        thread = cuda.threadIdx.x
        values[thread] = value
        cuda.syncthreads()
        step = THREADS // 2
        while step > 0:
            if thread < step:
                values[thread] = combine(values[thread], values[thread + step])
            cuda.syncthreads()
            step //= 2
        result = values[0]
        cuda.syncthreads()  # before the memory is used again
        return result

    return reduce_block


# Words that tell of bad data ---------------------------------------------------------------------


def cleared():
    """out[i] = 0"""

    def clear_kernel(out, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            out[i] = 0

    return clear_kernel


def zeros(count, dtype, index):
    """A dense Array of zeros, written on the device."""
    result = empty_on(index, (count,), dtype)
    specialise(cleared)(count, flat(result), count)
    return result


def judge(words, verdict):
    """verdict(words, is_late), which raises where a kernel met bad data: now, or late, of work that
    is captured: after each replay, when the host waits for the device."""
    capture = cuda_streams.capture_on(words.storage.device_index)
    if capture is None:
        verdict(to_host(words), False)
    else:
        capture.checks.append(lambda: verdict(to_host(words), True))


# Small arrays of the host -----------------------------------------------------------------------


def from_host(values, dtype, index):
    """A dense Array on the device `index` with the values of a NumPy array."""
    values = np.ascontiguousarray(values, dtype.numpy)
    result = empty_on(index, values.shape, dtype)
    result.storage.copy_from_host(values.reshape(-1).view(np.uint8))
    return result


def to_host(x):
    """The values of a dense Array as a NumPy array."""
    values = np.empty(x.shape, x.dtype.numpy)
    start = x.offset * x.dtype.itemsize
    x.storage.copy_to_host(values.reshape(-1).view(np.uint8), start)
    return values

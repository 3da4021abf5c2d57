"""What kernels and host functions share: how operands are reached, and what a block does together."""

import numpy as np
from numba import types
from numba.extending import intrinsic, overload
from numba.np.numpy_support import as_dtype

from .. import cuda_streams, shapes
from ..cuda_memory import empty_on
from ..cuda_target import SIMULATED, THREADS, WARP, cuda, driver, specialise
from ..formulas.typed import formula

# Operands ---------------------------------------------------------------------------------------
# A strided operand is two kernel arguments: all of its memory as a typed array, and its layout, the
# strides and after them the offset (in elements).


def divide(number, size):
    """(number // size, number % size) of numbers that are not negative.

    A division without signs costs a third of Python's; where both numbers have 32 bits, which is
    found out on the way, a sixth.
    """
    return divmod(number, size)


@intrinsic
def _unsigned_divide(typing_context, number, size):
    def generate(context, builder, signature, values):
        quotient = builder.udiv(*values)
        rest = builder.sub(values[0], builder.mul(quotient, values[1]))
        return context.make_tuple(builder, signature.return_type, (quotient, rest))

    return types.UniTuple(types.int64, 2)(types.int64, types.int64), generate


@overload(divide, inline="always")
def _divide(number, size):
    return lambda number, size: _unsigned_divide(number, size)


@formula
def offset_of(position, sizes, layout):
    """Where element `position`, counted in row-major order, of a strided operand lies."""
    offset = layout[len(sizes)]
    for d in range(len(sizes) - 1, 0, -1):
        position, index = divide(position, sizes[d])
        offset += index * layout[d]
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


# Addresses --------------------------------------------------------------------------------------


def pointer_access(element):
    """(read, write) for a kernel that is given addresses: read(address, i, size) and
    write(address, i, size, value) of element i of `size` elements of one type that lie there."""
    return (_simulated_access if SIMULATED else _raw_access)(element)


def _simulated_access(element):
    def elements(address, i, size):
        if not 0 <= i < size:
            raise IndexError(f"a kernel reaches element {i} of {size}")
        dtype = as_dtype(element)
        return driver().bytes_at(int(address), int(size) * dtype.itemsize).view(dtype)

    def read(address, i, size):
        return elements(address, i, size)[i]

    def write(address, i, size, value):
        elements(address, i, size)[i] = value

    return read, write


def _raw_access(element):
    def pointer(context, builder, address, index):
        data_type = context.data_model_manager[element].get_data_type()
        return builder.gep(builder.inttoptr(address, data_type.as_pointer()), [index])

    @intrinsic
    def read(typing_context, address, i, size):
        def generate(context, builder, signature, values):
            model = context.data_model_manager[element]
            return model.from_data(builder, builder.load(pointer(context, builder, *values[:2])))

        return element(types.int64, types.int64, types.int64), generate

    @intrinsic
    def write(typing_context, address, i, size, value):
        def generate(context, builder, signature, values):
            data = context.data_model_manager[element].as_data(builder, values[3])
            builder.store(data, pointer(context, builder, *values[:2]))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, element), generate

    return read, write


# A block ----------------------------------------------------------------------------------------


#: Types that threads of a warp exchange by shuffles.
_SHUFFLED = (types.int32, types.int64, types.float32, types.float64)

_WARPS = THREADS // WARP

_ALL_LANES = 0xFFFFFFFF


def warp_reducer(combine, element, lanes=WARP):
    """A function that combines a value of each of `lanes` neighbouring threads; each gets the result."""

    @formula
    def reduce_warp(value):
        step = lanes // 2
        while step > 0:
            value = element(combine(value, cuda.shfl_xor_sync(_ALL_LANES, value, step)))
            step //= 2
        return value

    return reduce_warp


def block_reducer(combine, element):
    """A function that combines a value of every thread of a block; each thread gets the result."""
    if element not in _SHUFFLED:
        return _memory_reducer(combine, element)
    of_warp = warp_reducer(combine, element)
    of_warps = warp_reducer(combine, element, _WARPS)

    @formula
    def reduce_block(value):
        totals = cuda.shared.array(_WARPS, element)
        thread = cuda.threadIdx.x
        value = of_warp(element(value))
        if thread % WARP == 0:
            totals[thread // WARP] = value
        cuda.syncthreads()
        value = of_warps(totals[thread % _WARPS])
        cuda.syncthreads()  # before the memory is used again
        return value

    return reduce_block


def _memory_reducer(combine, element):
    """block_reducer for types that are not shuffled: complex and narrow integers."""

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

"""Reductions over any dimensions, from one description (`formulas.reduction`).

The input is seen as (kept, reduced) dimensions, each collapsed as far as its strides allow. Either
a thread goes along the reduced elements of one output (`by_threads`), or a block does, each thread
taking every THREADS-th element (`by_blocks`). Few outputs of many elements are split in segments,
whose results are combined by a second kernel.
"""

from functools import lru_cache
from typing import NamedTuple

from .. import shapes
from ..cuda_memory import empty_on
from ..cuda_target import THREADS, cuda, specialise
from ..formulas.reduction import AMAX, LOG_SUM_EXP, MEAN
from ..formulas.typed import formula
from ..formulas.working_types import ReductionTypes, computed
from .native import block_reducer, memory, offset_of, padded

#: Elements that a thread combines in the narrow type before it goes over to the wider one.
NARROW_BLOCK = 64
#: A block is put to work on an output of more elements than this, unless there are many outputs.
SHORT = 32
MANY_OUTPUTS = 1 << 16
#: Elements in a segment, at least, and segments, at most.
SEGMENT, MOST_SEGMENTS = 64 * THREADS, 256


def number_reader(has_operand, load_operand, number_type):
    """A function that gives the number s of an output: its element of `operand`, or `parameter`."""
    if has_operand:

        @formula
        def read_number(operand, at, parameter):
            return number_type(load_operand(operand[at]))
    else:

        @formula
        def read_number(operand, at, parameter):
            return number_type(parameter)

    return read_number


def by_blocks(
    map, combine, finish, prepare, load, load_operand, store, convert, has_operand,
    value_type, number_type, total_type, initial,
):  # fmt: skip
    """A block takes one segment of one output."""
    read_number = number_reader(has_operand, load_operand, number_type)
    reduce_block = block_reducer(combine, total_type)

    def reduce_by_blocks_kernel(
        out, out_layout, x, x_layout, operand, operand_layout, kept_sizes, outputs,
        sizes, steps, reduced, partials, segments, segment_length, parameter, divisor,
    ):  # fmt: skip
        for item in range(cuda.blockIdx.x, outputs * segments, cuda.gridDim.x):
            output, segment = item // segments, item % segments
            start = offset_of(output, kept_sizes, x_layout)
            s = read_number(operand, offset_of(output, kept_sizes, operand_layout), parameter)
            first = segment * segment_length
            value = value_type(initial)
            for i in range(
                first + cuda.threadIdx.x, min(first + segment_length, reduced), cuda.blockDim.x
            ):
                element = prepare(load(x[start + offset_of(i, sizes, steps)]))
                value = combine(value, value_type(map(element, s)))
            total = reduce_block(total_type(value))
            if cuda.threadIdx.x == 0:
                if segments > 1:
                    partials[item] = total
                else:
                    at = offset_of(output, kept_sizes, out_layout)
                    out[at] = store(convert(finish(total, divisor, s)))

    return reduce_by_blocks_kernel


def by_threads(
    map, combine, finish, prepare, load, load_operand, store, convert, has_operand,
    value_type, number_type, total_type, initial,
):  # fmt: skip
    """A thread takes one output."""
    read_number = number_reader(has_operand, load_operand, number_type)

    def reduce_by_threads_kernel(
        out, out_layout, x, x_layout, operand, operand_layout, kept_sizes, outputs,
        sizes, steps, reduced, partials, segments, segment_length, parameter, divisor,
    ):  # fmt: skip
        for output in range(cuda.grid(1), outputs, cuda.gridsize(1)):
            start = offset_of(output, kept_sizes, x_layout)
            s = read_number(operand, offset_of(output, kept_sizes, operand_layout), parameter)
            total = total_type(initial)
            for first in range(0, reduced, NARROW_BLOCK):
                value = value_type(initial)
                for i in range(first, min(first + NARROW_BLOCK, reduced)):
                    element = prepare(load(x[start + offset_of(i, sizes, steps)]))
                    value = combine(value, value_type(map(element, s)))
                total = combine(total, total_type(value))
            at = offset_of(output, kept_sizes, out_layout)
            out[at] = store(convert(finish(total, divisor, s)))

    return reduce_by_threads_kernel


def segments_together(
    combine, finish, load_operand, store, convert, has_operand, number_type, total_type, initial
):
    """A block takes one output, of which the segments' totals are there."""
    read_number = number_reader(has_operand, load_operand, number_type)
    reduce_block = block_reducer(combine, total_type)

    def combine_segments_kernel(
        out, out_layout, operand, operand_layout, kept_sizes, outputs, partials, segments,
        parameter, divisor,
    ):  # fmt: skip
        for output in range(cuda.blockIdx.x, outputs, cuda.gridDim.x):
            s = read_number(operand, offset_of(output, kept_sizes, operand_layout), parameter)
            total = total_type(initial)
            for segment in range(cuda.threadIdx.x, segments, cuda.blockDim.x):
                total = combine(total, partials[output * segments + segment])
            total = reduce_block(total)
            if cuda.threadIdx.x == 0:
                at = offset_of(output, kept_sizes, out_layout)
                out[at] = store(convert(finish(total, divisor, s)))

    return combine_segments_kernel


class _Kernels:
    """The kernels of one reduction between given dtypes."""

    def __init__(self, reduction, *dtypes):
        types = ReductionTypes(reduction, *dtypes)
        self.total = types.total
        number, total = types.number.numba, types.total.numba
        key = (
            *types.of_element, *types.of_output, types.value.numba, number, total, types.initial,
        )  # fmt: skip
        self.by_blocks = specialise(by_blocks, *key)
        self.by_threads = specialise(by_threads, *key)
        self.segments_together = specialise(
            segments_together, reduction.combine, reduction.finish, *types.of_output, number,
            total, types.initial,
        )  # fmt: skip


_kernels = {}


# Geometry ---------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """The geometry of a reduction; strides without offsets."""

    kept_sizes: tuple
    out_steps: tuple
    x_steps: tuple
    operand_steps: tuple
    outputs: int
    sizes: tuple
    steps: tuple
    reduced: int


@lru_cache(maxsize=4096)
def plan(shape, dims, x_strides, out_strides, operand_strides):
    """The Plan for an input of `shape`; the strides are those of `shapes.reduced_strides`."""
    kept = [d for d in range(len(shape)) if d not in dims]
    kept_sizes, kept_strides = _collapsed(
        shape, kept, x_strides, [out_strides, x_strides, operand_strides]
    )
    sizes, (steps,) = _collapsed(shape, dims, x_strides, [x_strides])
    return Plan(
        kept_sizes, *kept_strides, shapes.numel(kept_sizes), sizes, (*steps, 0),
        shapes.numel(sizes),
    )  # fmt: skip


def _collapsed(shape, dims, x_strides, operands):
    """Sizes and strides of `dims`, in the order of x's strides: (sizes, [strides of each])."""
    order = sorted(dims, key=lambda d: -x_strides[d])
    strides = [[operand[d] for d in order] for operand in operands]
    return padded(*shapes.collapse([shape[d] for d in order], strides))


def _segments(outputs, reduced):
    """(segments, length): how to split a reduction, so that there is work for all blocks."""
    if outputs >= MOST_SEGMENTS or reduced < 2 * SEGMENT:
        return 1, reduced
    length = max(SEGMENT, -(-reduced // MOST_SEGMENTS))
    return -(-reduced // length), length


def reduce(reduction, out, x, dims, operand=None, parameter=0.0, divisor=None):
    """Reduce x over `dims` into `out`, whose shape may keep those dimensions as ones or lack them.

    `operand`, shaped like `out`, holds the number s that belongs to each output; without it,
    `parameter` belongs to all. `divisor` is what `finish` gets, the number of elements by default.
    """
    key = (reduction, out.dtype, x.dtype, None if operand is None else operand.dtype)
    kernels = _kernels.get(key)
    if kernels is None:
        kernels = _kernels[key] = _Kernels(*key)
    rank = len(x.shape)
    number = out if operand is None else operand
    p = plan(
        x.shape, dims, x.strides, shapes.reduced_strides(out, rank, dims),
        shapes.reduced_strides(number, rank, dims),
    )  # fmt: skip
    if p.outputs == 0:
        return
    short = p.reduced <= SHORT or p.outputs >= MANY_OUTPUTS
    segments, length = (1, p.reduced) if short else _segments(p.outputs, p.reduced)
    index = x.storage.device_index
    partials = empty_on(index, (p.outputs * segments if segments > 1 else 0,), kernels.total)
    output = (memory(out), (*p.out_steps, out.offset))
    operand_ = (memory(number), (*p.operand_steps, number.offset), p.kept_sizes, p.outputs)
    numbers = (float(parameter), float(p.reduced if divisor is None else divisor))
    arguments = (
        *output, memory(x), (*p.x_steps, x.offset), *operand_, p.sizes, p.steps, p.reduced,
        memory(partials), segments, length, *numbers,
    )  # fmt: skip
    if short:
        kernels.by_threads(p.outputs, *arguments)
        return
    kernels.by_blocks(p.outputs * segments * THREADS, *arguments)
    if segments > 1:
        kernels.segments_together(
            p.outputs * THREADS, *output, *operand_, memory(partials), segments, *numbers
        )


def bind(reduction, out, x, dims):
    """None: a launch here is not worth a plan."""


def logsumexp(out, x, dims):
    """log(sum(exp(x))) over `dims`, without overflow."""
    maxima = empty_on(x.storage.device_index, out.shape, x.dtype)
    reduce(AMAX, maxima, x, dims)
    reduce(LOG_SUM_EXP, out, x, dims, maxima)


def spread(reduction, out, x, dims, correction):
    """The VARIANCE or STANDARD_DEVIATION over `dims`: two passes, the means first."""
    means = empty_on(x.storage.device_index, out.shape, computed(x.dtype))
    reduce(MEAN, means, x, dims)
    count = shapes.numel([x.shape[d] for d in dims])
    reduce(reduction, out, x, dims, means, divisor=max(0, count - correction))

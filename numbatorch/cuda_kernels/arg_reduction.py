"""The greatest or least element along a dimension, with its index: the first where there are several.

A NaN counts as greater and as less than any number. The geometry is that of `reduction`.
"""

from numba import types

from .. import shapes
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion
from ..formulas.reduction import beats_as_maximum, beats_as_minimum
from ..formulas.typed import formula
from ..formulas.working_types import as_stored, computed
from . import reduction
from .native import memory, offset_of


def picker(beats):
    """A function that says whether element j, of value b, comes before element i, of value a.

    An index of -1 says that there is no such element.
    """

    @formula
    def picks(b, j, a, i):
        if j < 0 or i < 0:
            return i < 0
        if beats(b, a):
            return True
        return j < i and not beats(a, b)

    return picks


def by_blocks(beats, load, store, value_type, has_values):
    """A block takes one output."""
    picks = picker(beats)

    def arg_reduce_kernel(
        values, shift, indices, layout, x, x_layout, kept_sizes, outputs, step, reduced
    ):
        best_values = cuda.shared.array(THREADS, value_type)
        best_indices = cuda.shared.array(THREADS, types.int64)
        thread = cuda.threadIdx.x
        for output in range(cuda.blockIdx.x, outputs, cuda.gridDim.x):
            start = offset_of(output, kept_sizes, x_layout)
            best, index = value_type(0), -1
            for i in range(thread, reduced, cuda.blockDim.x):
                value = load(x[start + i * step])
                if index < 0 or beats(value, best):
                    best, index = value, i
            best_values[thread], best_indices[thread] = best, index
            cuda.syncthreads()
            half = THREADS // 2
            while half > 0:
                if thread < half:
                    other = thread + half
                    if picks(
                        best_values[other], best_indices[other],
                        best_values[thread], best_indices[thread],
                    ):  # fmt: skip
                        best_values[thread] = best_values[other]
                        best_indices[thread] = best_indices[other]
                cuda.syncthreads()
                half //= 2
            if thread == 0:
                at = offset_of(output, kept_sizes, layout)
                indices[at] = best_indices[0]
                if has_values:
                    values[at + shift] = store(best_values[0])
            cuda.syncthreads()

    return arg_reduce_kernel


def _reduce(beats, values, indices, x, dim):
    stored = as_stored(x.dtype)
    kernel = specialise(
        by_blocks, beats, conversion.load(stored), conversion.store(stored),
        computed(x.dtype).numba, values is not None,
    )  # fmt: skip
    strides = shapes.reduced_strides(indices, len(x.shape), (dim,))
    p = reduction.plan(x.shape, (dim,), x.strides, strides, strides)
    if p.outputs == 0:
        return
    layout = (*p.out_steps, indices.offset)
    found = indices if values is None else values
    kernel(
        p.outputs * THREADS, memory(found), found.offset - indices.offset, memory(indices), layout,
        memory(x), (*p.x_steps, x.offset), p.kept_sizes, p.outputs, p.steps[-2], p.reduced,
    )  # fmt: skip


def argmax(values, indices, x, dim):
    """The maxima along `dim` and where they are; `values` may be None, else laid out as `indices`."""
    _reduce(beats_as_maximum, values, indices, x, dim)


def argmin(values, indices, x, dim):
    """The minima along `dim` and where they are; `values` may be None, else laid out as `indices`."""
    _reduce(beats_as_minimum, values, indices, x, dim)

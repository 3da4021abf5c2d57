"""softmax and log_softmax along a dimension, and their gradients.

A dense tensor is seen as (outer, size, inner); a block takes one of the outer x inner rows, whose
elements lie `inner` apart.
"""

from .. import shapes
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion, exponential
from ..formulas import softmax as formulas
from ..formulas.reduction import add, maximum
from ..formulas.working_types import computed, wider
from .elementwise import dense
from .native import block_reducer, flat


def forward(of_total, finish, exp, maximum, add, load, store, value_type, total_type):
    """out = finish(x, maximum of the row, exp(x - maximum), of_total(sum of those))."""
    greatest, added = block_reducer(maximum, value_type), block_reducer(add, total_type)

    def softmax_kernel(out, x, rows, size, inner):
        for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            start = row // inner * size * inner + row % inner
            m = load(x[start])
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                m = maximum(m, load(x[start + i * inner]))
            m = greatest(m)
            part = value_type(0)
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                part += exp(load(x[start + i * inner]) - m)
            t = value_type(of_total(added(total_type(part))))
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                value = load(x[start + i * inner])
                out[start + i * inner] = store(finish(value, m, exp(value - m), t))

    return softmax_kernel


def gradient(summand, finish, add, load, store, value_type, total_type):
    """out = finish(grad, y, sum of summand(grad, y) over the row)."""
    added = block_reducer(add, total_type)

    def softmax_gradient_kernel(out, grad, y, rows, size, inner):
        for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            start = row // inner * size * inner + row % inner
            part = value_type(0)
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                at = start + i * inner
                part += summand(load(grad[at]), load(y[at]))
            t = value_type(added(total_type(part)))
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                at = start + i * inner
                out[at] = store(finish(load(grad[at]), load(y[at]), t))

    return softmax_gradient_kernel


def _types(dtype):
    value = computed(dtype)
    return conversion.load(dtype), conversion.store(dtype), value.numba, wider(value).numba


def _launch(kernel, dim, *operands):
    shape = operands[0].shape
    size, inner = (shape[dim], shapes.numel(shape[dim + 1 :])) if shape else (1, 1)
    count = shapes.numel(shape)
    if count:
        rows = count // size
        kernel(rows * THREADS, *[flat(x) for x in operands], rows, size, inner)


def _forward(of_total, finish, out, x, dim):
    kernel = specialise(forward, of_total, finish, exponential.exp, maximum, add, *_types(x.dtype))
    _launch(kernel, dim, out, dense(x))


def _gradient(summand, finish, out, grad, y, dim):
    kernel = specialise(gradient, summand, finish, add, *_types(y.dtype))
    _launch(kernel, dim, out, dense(grad), dense(y))


def softmax(out, x, dim):
    """out = exp(x) / sum(exp(x)) along `dim`; `out` is dense."""
    _forward(formulas.inverse, formulas.softmax, out, x, dim)


def log_softmax(out, x, dim):
    """out = x - log(sum(exp(x))) along `dim`; `out` is dense."""
    _forward(exponential.log, formulas.log_softmax, out, x, dim)


def softmax_gradient(out, grad, y, dim):
    """The gradient of softmax's input, where y is its output; `out` is dense."""
    _gradient(formulas.softmax_summand, formulas.softmax_gradient, out, grad, y, dim)


def log_softmax_gradient(out, grad, y, dim):
    """The gradient of log_softmax's input, where y is its output; `out` is dense."""
    _gradient(formulas.log_softmax_summand, formulas.log_softmax_gradient, out, grad, y, dim)

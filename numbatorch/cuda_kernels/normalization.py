"""Normalising by means and standard deviations: of batches and groups of channels, and of rows.

For batches and groups x is seen as (batch, channels, length), dense; a run is one channel of one
entry. The statistics of a run are number (run // divisor) % count of `mean` and `rstd` (the reciprocal
of the standard deviation), its weight and bias those of its channel. With divisor = 1 and as many
statistics as channels that is batch normalisation; with divisor = channels // groups and
statistics for every group of every entry, group normalisation.

Statistics, weights and biases are in the dtype that x is computed in. A missing weight is 1, a
missing bias 0; a kernel that has none is given another operand, which it does not touch.
"""

from .. import shapes
from ..array import reshaped
from ..cuda_memory import empty_on
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion
from ..formulas.normalization import reciprocal_deviation
from ..formulas.reduction import MEAN, VARIANCE, add
from ..formulas.working_types import computed, wider
from .elementwise import apply, dense
from .native import block_reducer, flat
from .reduction import reduce

# Runs -------------------------------------------------------------------------------------------


def normalized_runs(load, store, value, has_weight, has_bias):
    """A thread takes an element."""

    def normalize_kernel(
        out, x, mean, rstd, weight, bias, channels, length, divisor, statistics, count
    ):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            run = i // length
            statistic, channel = run // divisor % statistics, run % channels
            y = (load(x[i]) - mean[statistic]) * rstd[statistic]
            if has_weight:
                y *= weight[channel]
            if has_bias:
                y += bias[channel]
            out[i] = store(value(y))

    return normalize_kernel


def summed_runs(add, load, value, total_type):
    """The sums of grad and of grad * xhat; a block takes a run."""
    added = block_reducer(add, total_type)

    def normalize_sums_kernel(
        sums, products, grad, x, mean, rstd, runs, length, divisor, statistics
    ):
        for run in range(cuda.blockIdx.x, runs, cuda.gridDim.x):
            statistic = run // divisor % statistics
            m = mean[statistic]
            part, part_product = value(0), value(0)
            for i in range(cuda.threadIdx.x, length, cuda.blockDim.x):
                g = load(grad[run * length + i])
                part += g
                part_product += g * (load(x[run * length + i]) - m)
            total, product = added(total_type(part)), added(total_type(part_product))
            if cuda.threadIdx.x == 0:
                sums[run] = value(total)
                products[run] = value(product * total_type(rstd[statistic]))

    return normalize_sums_kernel


def run_gradients(load, store, value, has_weight, has_shift):
    """A thread takes an element; without shift and slope the statistics are constants."""

    def normalize_gradient_kernel(
        out, grad, x, mean, rstd, weight, shift, slope, channels, length, divisor, statistics,
        count,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            run = i // length
            statistic = run // divisor % statistics
            g = load(grad[i])
            if has_weight:
                g *= weight[run % channels]
            r = rstd[statistic]
            if has_shift:
                xhat = (load(x[i]) - mean[statistic]) * r
                g -= shift[statistic] + xhat * slope[statistic]
            out[i] = store(value(g * r))

    return normalize_gradient_kernel


# Rows -------------------------------------------------------------------------------------------
# x is (rows, size), dense; weight and bias have `size` elements. A block takes a row. `centred` is
# false for the root mean square, which takes no mean away.


def normalized_rows(add, deviation, load, store, value, total_type, centred, has_weight, has_bias):
    """out, and the mean and rstd of every row."""
    added = block_reducer(add, total_type)

    def layer_norm_kernel(out, mean, rstd, x, weight, bias, rows, size, epsilon):
        for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            start = row * size
            m = value(0)
            if centred:
                part = value(0)
                for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                    part += load(x[start + i])
                m = value(added(total_type(part)) / size)
            part = value(0)
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                distance = load(x[start + i]) - m
                part += distance * distance
            total = added(total_type(part))
            r = value(deviation(total_type(total / size), total_type(epsilon)))
            if cuda.threadIdx.x == 0:
                rstd[row] = r
                if centred:
                    mean[row] = m
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                y = (load(x[start + i]) - m) * r
                if has_weight:
                    y *= weight[i]
                if has_bias:
                    y += bias[i]
                out[start + i] = store(value(y))

    return layer_norm_kernel


def row_gradients(add, load, store, value, total_type, centred, has_weight):
    """The gradient for x."""
    added = block_reducer(add, total_type)

    def layer_norm_gradient_kernel(out, grad, x, mean, rstd, weight, rows, size):
        for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            start = row * size
            r = rstd[row]
            m = value(0)
            if centred:
                m = mean[row]
            part, part_product = value(0), value(0)
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                g = load(grad[start + i])
                if has_weight:
                    g *= weight[i]
                part += g
                part_product += g * (load(x[start + i]) - m)
            total, product = added(total_type(part)), added(total_type(part_product))
            shift = value(0)
            if centred:
                shift = value(total / size)
            slope = value(product * total_type(r) * total_type(r) / size)
            for i in range(cuda.threadIdx.x, size, cuda.blockDim.x):
                g = load(grad[start + i])
                if has_weight:
                    g *= weight[i]
                y = (g - shift - (load(x[start + i]) - m) * slope) * r
                out[start + i] = store(value(y))

    return layer_norm_gradient_kernel


def weight_gradient_parts(load, value, total_type, centred):
    """The sums for weight and bias over segments of rows; a thread takes a column of a segment."""

    def layer_norm_weight_parts_kernel(
        products, sums, grad, x, mean, rstd, rows, size, segments, length
    ):
        for item in range(cuda.grid(1), segments * size, cuda.gridsize(1)):
            i, first = item % size, item // size * length
            total, product = total_type(0), total_type(0)
            for row in range(first, min(first + length, rows)):
                g = load(grad[row * size + i])
                m = value(0)
                if centred:
                    m = mean[row]
                xhat = (load(x[row * size + i]) - m) * rstd[row]
                total += total_type(g)
                product += total_type(g * xhat)
            products[item], sums[item] = product, total

    return layer_norm_weight_parts_kernel


def weight_gradients(value, total_type):
    """The gradients for weight and bias from the sums of all segments; a thread takes a column."""

    def layer_norm_weight_gradient_kernel(weight_grad, bias_grad, products, sums, size, segments):
        for i in range(cuda.grid(1), size, cuda.gridsize(1)):
            total, product = total_type(0), total_type(0)
            for segment in range(segments):
                product += products[segment * size + i]
                total += sums[segment * size + i]
            weight_grad[i], bias_grad[i] = value(product), value(total)

    return layer_norm_weight_gradient_kernel


#: Rows of a segment, at least, and segments, at most.
SEGMENT, MOST_SEGMENTS = 32, 256


# Host functions ---------------------------------------------------------------------------------


def _flat(array, instead):
    """The elements of an Array, or of another where it is None."""
    return flat(instead if array is None else dense(array))


def _types(dtype):
    """(load, store, type computed in, type of long sums)."""
    value = computed(dtype)
    return conversion.load(dtype), conversion.store(dtype), value.numba, wider(value).numba


def statistics(mean, variance, rstd, x, groups, epsilon):
    """The mean, the biased variance and 1 / sqrt(variance + epsilon) of every channel of x; with
    `groups`, of every group of channels of every entry."""
    if groups:
        x = dense(x)
        entries = x.shape[0] * groups
        x = reshaped(x, (entries, shapes.numel(x.shape) // max(entries, 1)))
        dims = (1,)
    else:
        dims = (0, *range(2, len(x.shape)))
    reduce(MEAN, mean, x, dims)
    reduce(VARIANCE, variance, x, dims, mean)
    apply(reciprocal_deviation, rstd, variance, parameters=(epsilon,))


def _runs(x, mean, divisor):
    """(channels, length, divisor, number of statistics, number of elements) of x."""
    length = shapes.numel(x.shape[2:])
    return x.shape[1], length, divisor, shapes.numel(mean.shape), shapes.numel(x.shape)


def normalize(out, x, mean, rstd, weight, bias, divisor):
    """out = (x - mean) * rstd * weight + bias, per run."""
    *numbers, count = _runs(x, mean, divisor)
    if count == 0:
        return
    load, store, value, _ = _types(x.dtype)
    kernel = specialise(normalized_runs, load, store, value, weight is not None, bias is not None)
    kernel(
        count, flat(out), flat(dense(x)), flat(dense(mean)), flat(dense(rstd)), _flat(weight, mean),
        _flat(bias, mean), *numbers, count,
    )  # fmt: skip


def normalize_sums(sums, products, grad, x, mean, rstd, divisor):
    """sums = sum(grad) and products = sum(grad * xhat), per run: both are (batch, channels)."""
    channels, length, divisor, statistics_, _ = _runs(x, mean, divisor)
    runs = x.shape[0] * channels
    if runs == 0:
        return
    load, _, value, total = _types(x.dtype)
    specialise(summed_runs, add, load, value, total)(
        runs * THREADS, flat(sums), flat(products), flat(dense(grad)), flat(dense(x)),
        flat(dense(mean)), flat(dense(rstd)), runs, length, divisor, statistics_,
    )  # fmt: skip


def normalize_gradient(out, grad, x, mean, rstd, weight, shift, slope, divisor):
    """out = (grad * weight - shift - xhat * slope) * rstd, shift and slope per statistic or None."""
    *numbers, count = _runs(x, mean, divisor)
    if count == 0:
        return
    load, store, value, _ = _types(x.dtype)
    kernel = specialise(run_gradients, load, store, value, weight is not None, shift is not None)
    kernel(
        count, flat(out), flat(dense(grad)), flat(dense(x)), flat(dense(mean)), flat(dense(rstd)),
        _flat(weight, mean), _flat(shift, mean), _flat(slope, mean), *numbers, count,
    )  # fmt: skip


def _rows(x, rstd):
    """(rows, size) of x, whose every row has a number in `rstd`."""
    rows = shapes.numel(rstd.shape)
    return rows, shapes.numel(x.shape) // max(rows, 1)


def layer_norm(out, mean, rstd, x, weight, bias, epsilon):
    """Every row of x normalised; with mean None, by its root mean square alone."""
    rows, size = _rows(x, rstd)
    if rows == 0:
        return
    kernel = specialise(
        normalized_rows, add, reciprocal_deviation, *_types(x.dtype), mean is not None,
        weight is not None, bias is not None,
    )  # fmt: skip
    kernel(
        rows * THREADS, flat(out), _flat(mean, rstd), flat(rstd), flat(dense(x)),
        _flat(weight, rstd), _flat(bias, rstd), rows, size, epsilon,
    )  # fmt: skip


def layer_norm_gradient(out, grad, x, mean, rstd, weight):
    """The gradient of layer_norm for x."""
    rows, size = _rows(x, rstd)
    if rows == 0:
        return
    kernel = specialise(row_gradients, add, *_types(x.dtype), mean is not None, weight is not None)
    kernel(
        rows * THREADS, flat(out), flat(dense(grad)), flat(dense(x)), _flat(mean, rstd), flat(rstd),
        _flat(weight, rstd), rows, size,
    )  # fmt: skip


def layer_norm_weight_gradient(weight_grad, bias_grad, grad, x, mean, rstd):
    """The gradients of layer_norm for its weight and its bias."""
    rows, size = _rows(x, rstd)
    if size == 0:
        return
    length = max(SEGMENT, -(-rows // MOST_SEGMENTS))
    segments = -(-rows // length)
    load, _, value, total = _types(x.dtype)
    index, total_dtype = x.storage.device_index, wider(computed(x.dtype))
    products, sums = (empty_on(index, (segments, size), total_dtype) for _ in range(2))
    specialise(weight_gradient_parts, load, value, total, mean is not None)(
        segments * size, flat(products), flat(sums), flat(dense(grad)), flat(dense(x)),
        _flat(mean, rstd), flat(rstd), rows, size, segments, length,
    )  # fmt: skip
    specialise(weight_gradients, value, total)(
        size, flat(weight_grad), flat(bias_grad), flat(products), flat(sums), size, segments
    )

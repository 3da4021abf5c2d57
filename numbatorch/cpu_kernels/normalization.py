"""Normalising by means and standard deviations: of batches and groups of channels, and of rows.

For batches and groups x is seen as (batch, channels, length), dense; a run is one channel of one
entry. The statistics of a run are number (run // divisor) % count of `mean` and `rstd` (the reciprocal
of the standard deviation), its weight and bias those of its channel. With divisor = 1 and as many
statistics as channels that is batch normalisation; with divisor = channels // groups and
statistics for every group of every entry, group normalisation.

Statistics, weights and biases are in the dtype that x is computed in. A missing weight is 1, a
missing bias 0.
"""

from functools import cache

from .. import cpu_target, shapes
from ..array import reshaped
from ..formulas import conversion
from ..formulas.accumulation import add
from ..formulas.normalization import reciprocal_deviation
from ..formulas.reduction import MEAN, VARIANCE
from ..formulas.working_types import computed, wider
from .elementwise import GRAIN, apply, dense
from .native import integer, real, scratch, span
from .reduction import COLUMN_BLOCK, ROW_BLOCK, TILE, reduce

# Runs -------------------------------------------------------------------------------------------
# A work item is a run; where runs have length 1 and statistics belong to channels, it is an entry,
# whose channels then lie side by side (`by_entry`). Slots of all: out, x, mean, rstd, channels,
# length, divisor, count, by_entry, then what a kernel needs besides.


def normalized_runs(load, store, element, value, itemsize, valuesize):
    """Then: weight, bias."""

    def normalize_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        mean, rstd = integer(arguments, 2), integer(arguments, 3)
        channels, length = integer(arguments, 4), integer(arguments, 5)
        divisor, count = integer(arguments, 6), integer(arguments, 7)
        weight, bias = integer(arguments, 9), integer(arguments, 10)
        if integer(arguments, 8):
            means, rstds = span(mean, channels, value), span(rstd, channels, value)
            for entry in range(begin, end):
                xs = span(x + entry * channels * itemsize, channels, element)
                outs = span(out + entry * channels * itemsize, channels, element)
                if weight and bias:
                    weights, biases = span(weight, channels, value), span(bias, channels, value)
                    for c in range(channels):
                        y = (load(xs[c]) - means[c]) * rstds[c] * weights[c] + biases[c]
                        outs[c] = store(y)
                else:
                    for c in range(channels):
                        w = span(weight, channels, value)[c] if weight else value(1)
                        b = span(bias, channels, value)[c] if bias else value(0)
                        outs[c] = store((load(xs[c]) - means[c]) * rstds[c] * w + b)
            return
        for run in range(begin, end):
            statistic, channel = (run // divisor) % count, run % channels
            m = span(mean + statistic * valuesize, 1, value)[0]
            scale = span(rstd + statistic * valuesize, 1, value)[0]
            shift = value(0)
            if weight:
                scale *= span(weight + channel * valuesize, 1, value)[0]
            if bias:
                shift = span(bias + channel * valuesize, 1, value)[0]
            xs = span(x + run * length * itemsize, length, element)
            outs = span(out + run * length * itemsize, length, element)
            for i in range(length):
                outs[i] = store((load(xs[i]) - m) * scale + shift)

    return normalize_kernel


def summed_runs(load, store, element, value, total_type, itemsize, valuesize):
    """out: the sums of grad over every run; then: grad, and where the sums of grad * xhat go."""

    def normalize_sums_kernel(begin, end, arguments):
        sums, x = integer(arguments, 0), integer(arguments, 1)
        mean, rstd = integer(arguments, 2), integer(arguments, 3)
        channels, length = integer(arguments, 4), integer(arguments, 5)
        divisor, count = integer(arguments, 6), integer(arguments, 7)
        grad, products = integer(arguments, 9), integer(arguments, 10)
        if integer(arguments, 8):
            means, rstds = span(mean, channels, value), span(rstd, channels, value)
            for entry in range(begin, end):
                xs = span(x + entry * channels * itemsize, channels, element)
                grads = span(grad + entry * channels * itemsize, channels, element)
                outs = span(sums + entry * channels * valuesize, channels, value)
                others = span(products + entry * channels * valuesize, channels, value)
                for c in range(channels):
                    g = load(grads[c])
                    outs[c] = g
                    others[c] = g * ((load(xs[c]) - means[c]) * rstds[c])
            return
        for run in range(begin, end):
            statistic = (run // divisor) % count
            m = span(mean + statistic * valuesize, 1, value)[0]
            r = span(rstd + statistic * valuesize, 1, value)[0]
            total, product = total_type(0), total_type(0)
            for block in range(0, length, ROW_BLOCK):
                size = min(ROW_BLOCK, length - block)
                at = (run * length + block) * itemsize
                xs, grads = span(x + at, size, element), span(grad + at, size, element)
                part, part_product = value(0), value(0)
                for i in range(size):
                    g = load(grads[i])
                    part = add(part, g)
                    part_product = add(part_product, g * (load(xs[i]) - m))
                total += total_type(part)
                product += total_type(part_product)
            span(sums + run * valuesize, 1, value)[0] = value(total)
            span(products + run * valuesize, 1, value)[0] = value(product * total_type(r))

    return normalize_sums_kernel


def run_gradients(load, store, element, value, itemsize, valuesize):
    """Then: grad, weight, shift, slope (the last two 0 where the statistics are constants)."""

    def normalize_gradient_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        mean, rstd = integer(arguments, 2), integer(arguments, 3)
        channels, length = integer(arguments, 4), integer(arguments, 5)
        divisor, count = integer(arguments, 6), integer(arguments, 7)
        grad, weight = integer(arguments, 9), integer(arguments, 10)
        shift, slope = integer(arguments, 11), integer(arguments, 12)
        if integer(arguments, 8):
            means, rstds = span(mean, channels, value), span(rstd, channels, value)
            for entry in range(begin, end):
                xs = span(x + entry * channels * itemsize, channels, element)
                grads = span(grad + entry * channels * itemsize, channels, element)
                outs = span(out + entry * channels * itemsize, channels, element)
                for c in range(channels):
                    w = span(weight, channels, value)[c] if weight else value(1)
                    a = span(shift, channels, value)[c] if shift else value(0)
                    b = span(slope, channels, value)[c] if slope else value(0)
                    xhat = (load(xs[c]) - means[c]) * rstds[c]
                    outs[c] = store((load(grads[c]) * w - a - xhat * b) * rstds[c])
            return
        for run in range(begin, end):
            statistic, channel = (run // divisor) % count, run % channels
            m = span(mean + statistic * valuesize, 1, value)[0]
            r = span(rstd + statistic * valuesize, 1, value)[0]
            w, a, b = r, value(0), value(0)
            if weight:
                w = r * span(weight + channel * valuesize, 1, value)[0]
            if shift:
                a = r * span(shift + statistic * valuesize, 1, value)[0]
                b = r * r * span(slope + statistic * valuesize, 1, value)[0]
            xs = span(x + run * length * itemsize, length, element)
            grads = span(grad + run * length * itemsize, length, element)
            outs = span(out + run * length * itemsize, length, element)
            for i in range(length):
                outs[i] = store(load(grads[i]) * w - a - (load(xs[i]) - m) * b)

    return normalize_gradient_kernel


# Rows -------------------------------------------------------------------------------------------
# x is (rows, size), dense; weight and bias have `size` elements. A work item is a row. `centred` is
# false for the root mean square, which takes no mean away.


def normalized_rows(centred, load, store, element, value, total_type, itemsize, valuesize):
    """Slots: out, mean (unused unless centred), rstd, x, weight, bias, size. A real: epsilon."""

    def layer_norm_kernel(begin, end, arguments):
        out, mean, rstd = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        x, weight, bias = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        size, epsilon = integer(arguments, 6), real(arguments, 7)
        for row in range(begin, end):
            m = value(0)
            if centred:
                total = total_type(0)
                for block in range(0, size, ROW_BLOCK):
                    count = min(ROW_BLOCK, size - block)
                    xs = span(x + (row * size + block) * itemsize, count, element)
                    part = value(0)
                    for i in range(count):
                        part = add(part, load(xs[i]))
                    total += total_type(part)
                m = value(total / size)
                span(mean + row * valuesize, 1, value)[0] = m
            total = total_type(0)
            for block in range(0, size, ROW_BLOCK):
                count = min(ROW_BLOCK, size - block)
                xs = span(x + (row * size + block) * itemsize, count, element)
                part = value(0)
                for i in range(count):
                    part = add(part, (load(xs[i]) - m) * (load(xs[i]) - m))
                total += total_type(part)
            r = value(reciprocal_deviation(total / size, total_type(epsilon)))
            span(rstd + row * valuesize, 1, value)[0] = r
            xs = span(x + row * size * itemsize, size, element)
            outs = span(out + row * size * itemsize, size, element)
            if weight and bias:
                weights, biases = span(weight, size, value), span(bias, size, value)
                for i in range(size):
                    outs[i] = store((load(xs[i]) - m) * r * weights[i] + biases[i])
            elif weight:
                weights = span(weight, size, value)
                for i in range(size):
                    outs[i] = store((load(xs[i]) - m) * r * weights[i])
            else:
                for i in range(size):
                    outs[i] = store((load(xs[i]) - m) * r)

    return layer_norm_kernel


def row_gradients(centred, load, store, element, value, total_type, itemsize, valuesize):
    """Slots: out, grad, x, mean, rstd, weight, size."""

    def layer_norm_gradient_kernel(begin, end, arguments):
        out, grad, x = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        mean, rstd = integer(arguments, 3), integer(arguments, 4)
        weight, size = integer(arguments, 5), integer(arguments, 6)
        for row in range(begin, end):
            m = span(mean + row * valuesize, 1, value)[0] if centred else value(0)
            r = span(rstd + row * valuesize, 1, value)[0]
            total, product = total_type(0), total_type(0)
            for block in range(0, size, ROW_BLOCK):
                count = min(ROW_BLOCK, size - block)
                at = (row * size + block) * itemsize
                xs, grads = span(x + at, count, element), span(grad + at, count, element)
                part, part_product = value(0), value(0)
                if weight:
                    weights = span(weight + block * valuesize, count, value)
                    for i in range(count):
                        g = load(grads[i]) * weights[i]
                        part = add(part, g)
                        part_product = add(part_product, g * (load(xs[i]) - m))
                else:
                    for i in range(count):
                        g = load(grads[i])
                        part = add(part, g)
                        part_product = add(part_product, g * (load(xs[i]) - m))
                total += total_type(part)
                product += total_type(part_product)
            shift = value(total / size) if centred else value(0)
            slope = value(product * total_type(r) * total_type(r) / size)
            xs = span(x + row * size * itemsize, size, element)
            grads = span(grad + row * size * itemsize, size, element)
            outs = span(out + row * size * itemsize, size, element)
            if weight:
                weights = span(weight, size, value)
                for i in range(size):
                    g = load(grads[i]) * weights[i]
                    outs[i] = store((g - shift - (load(xs[i]) - m) * slope) * r)
            else:
                for i in range(size):
                    g = load(grads[i])
                    outs[i] = store((g - shift - (load(xs[i]) - m) * slope) * r)

    return layer_norm_gradient_kernel


def weight_gradients(centred, load, store, element, value, total_type, itemsize, valuesize):
    """A work item is a tile of columns. Slots: weight and bias gradients, grad, x, mean, rstd, size,
    rows."""
    product_scratch, sum_scratch = scratch(TILE, value), scratch(TILE, value)
    all_product_scratch, all_sum_scratch = scratch(TILE, total_type), scratch(TILE, total_type)

    def layer_norm_weight_gradient_kernel(begin, end, arguments):
        weight_grad, bias_grad = integer(arguments, 0), integer(arguments, 1)
        grad, x = integer(arguments, 2), integer(arguments, 3)
        mean, rstd = integer(arguments, 4), integer(arguments, 5)
        size, rows = integer(arguments, 6), integer(arguments, 7)
        products, sums = product_scratch(), sum_scratch()
        all_products, all_sums = all_product_scratch(), all_sum_scratch()
        for item in range(begin, end):
            first = item * TILE
            lanes = min(TILE, size - first)
            for j in range(lanes):
                all_products[j], all_sums[j] = total_type(0), total_type(0)
            for block in range(0, rows, COLUMN_BLOCK):
                for j in range(lanes):
                    products[j], sums[j] = value(0), value(0)
                for row in range(block, min(rows, block + COLUMN_BLOCK)):
                    m = span(mean + row * valuesize, 1, value)[0] if centred else value(0)
                    r = span(rstd + row * valuesize, 1, value)[0]
                    at = (row * size + first) * itemsize
                    xs, grads = span(x + at, lanes, element), span(grad + at, lanes, element)
                    for j in range(lanes):
                        g = load(grads[j])
                        sums[j] += g
                        products[j] += g * ((load(xs[j]) - m) * r)
                for j in range(lanes):
                    all_products[j] += total_type(products[j])
                    all_sums[j] += total_type(sums[j])
            outs = span(weight_grad + first * valuesize, lanes, value)
            others = span(bias_grad + first * valuesize, lanes, value)
            for j in range(lanes):
                outs[j], others[j] = value(all_products[j]), value(all_sums[j])

    return layer_norm_weight_gradient_kernel


# Host functions ---------------------------------------------------------------------------------


@cache
def _specialised(factory, dtype, *flags, totals=False):
    value = computed(dtype)
    number_types = (dtype.numba, value.numba)
    if totals:
        number_types += (wider(value).numba,)
    key = (*flags, conversion.load(dtype), conversion.store(dtype), *number_types)
    return cpu_target.specialise(factory, *key, dtype.itemsize, value.itemsize)


def _dense(array):
    return None if array is None else dense(array)


def _address(array):
    return 0 if array is None else array.address


def _launch_runs(kernel, out, x, mean, rstd, divisor, *more):
    """Launch on dense x; `more` are arrays, which may be None."""
    batch, channels, length = x.shape[0], x.shape[1], shapes.numel(x.shape[2:])
    count = shapes.numel(mean.shape)
    by_entry = length == 1 and divisor == 1 and count == channels
    items, size = (batch, channels) if by_entry else (batch * channels, length)
    if items * size == 0:
        return
    x, mean, rstd = dense(x), dense(mean), dense(rstd)
    more = [_dense(array) for array in more]
    kernel(
        items, max(1, GRAIN // size), out.address, x.address, mean.address, rstd.address, channels,
        length, divisor, count, int(by_entry), *[_address(array) for array in more],
    )  # fmt: skip


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


def normalize(out, x, mean, rstd, weight, bias, divisor):
    """out = (x - mean) * rstd * weight + bias, per run."""
    kernel = _specialised(normalized_runs, x.dtype)
    _launch_runs(kernel, out, x, mean, rstd, divisor, weight, bias)


def normalize_sums(sums, products, grad, x, mean, rstd, divisor):
    """sums = sum(grad) and products = sum(grad * xhat), per run: both are (batch, channels)."""
    kernel = _specialised(summed_runs, x.dtype, totals=True)
    _launch_runs(kernel, sums, x, mean, rstd, divisor, grad, products)


def normalize_gradient(out, grad, x, mean, rstd, weight, shift, slope, divisor):
    """out = (grad * weight - shift - xhat * slope) * rstd, shift and slope per statistic or None."""
    kernel = _specialised(run_gradients, x.dtype)
    _launch_runs(kernel, out, x, mean, rstd, divisor, grad, weight, shift, slope)


def _rows(x, rstd):
    """(rows, size) of x, whose every row has a number in `rstd`."""
    rows = shapes.numel(rstd.shape)
    return rows, shapes.numel(x.shape) // max(rows, 1)


def layer_norm(out, mean, rstd, x, weight, bias, epsilon):
    """Every row of x normalised; with mean None, by its root mean square alone."""
    rows, size = _rows(x, rstd)
    x, weight, bias = dense(x), _dense(weight), _dense(bias)
    kernel = _specialised(normalized_rows, x.dtype, mean is not None, totals=True)
    kernel(
        rows, max(1, GRAIN // max(1, size)), out.address, _address(mean), rstd.address, x.address,
        _address(weight), _address(bias), size, reals=(epsilon,),
    )  # fmt: skip


def layer_norm_gradient(out, grad, x, mean, rstd, weight):
    """The gradient of layer_norm for x."""
    rows, size = _rows(x, rstd)
    grad, x, weight = dense(grad), dense(x), _dense(weight)
    kernel = _specialised(row_gradients, x.dtype, mean is not None, totals=True)
    kernel(
        rows, max(1, GRAIN // max(1, size)), out.address, grad.address, x.address, _address(mean),
        rstd.address, _address(weight), size,
    )  # fmt: skip


def layer_norm_weight_gradient(weight_grad, bias_grad, grad, x, mean, rstd):
    """The gradients of layer_norm for its weight and its bias."""
    rows, size = shapes.numel(rstd.shape), shapes.numel(weight_grad.shape)
    grad, x = dense(grad), dense(x)
    kernel = _specialised(weight_gradients, x.dtype, mean is not None, totals=True)
    kernel(
        -(-size // TILE), max(1, GRAIN // max(1, TILE * rows)), weight_grad.address,
        bias_grad.address, grad.address, x.address, _address(mean), rstd.address, size, rows,
    )  # fmt: skip

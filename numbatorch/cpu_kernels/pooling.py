"""Pooling over one to three spatial dimensions, all seen as three.

The windows of average and adaptive pooling are tables, one row (begin, end, length) for each output
position along each dimension; `length` is what the divisor counts. Outputs are row-major. An index
is a place in the plane of one channel, as PyTorch counts.
"""

from functools import cache, lru_cache

import numpy as np
from numba.extending import register_jitable

from .. import cpu_target, dtypes, recording, shapes
from ..formulas import conversion
from .convolution_geometry import volume
from .halving import halved_row
from .native import grid, integer, span
from .vectors import NAME

#: Elements read that are worth a thread of their own.
GRAIN = 32768

# Slots: addresses of x (the input, or the gradient that is read), out, indices; channels; the
# triples of the plane's size and of the output's; x's strides in bytes (5); then the tables of the
# three dimensions; then the dilations (of a maximum) and whether `halve` will do, or the divisor
# (of a mean; 0: the lengths).
X, OUT, INDICES, CHANNELS, SIZE, OUT_SIZE, STRIDES, REST = 0, 1, 2, 3, 4, 7, 10, 15


@register_jitable
def _triple(arguments, first):
    return integer(arguments, first), integer(arguments, first + 1), integer(arguments, first + 2)


@register_jitable
def _plane(arguments, plane):
    """Where the plane of image plane // channels, channel plane % channels, begins in x."""
    channels = integer(arguments, CHANNELS)
    image, channel = plane // channels, plane % channels
    x = integer(arguments, X)
    return x + image * integer(arguments, STRIDES) + channel * integer(arguments, STRIDES + 1)


def _vector_halve(element):
    """halve(...): a row of maxima over two by two elements that lie side by side."""
    halve_row = halved_row(element)

    @register_jitable
    def halve(count, row, places, at, step_h, width, position):
        halve_row(count, at, at + step_h, row, places, position, width)

    return halve


def _plain_halve(larger_of, load, store, compute, element, lowest):
    """As _vector_halve, for the other dtypes."""

    @register_jitable
    def halve(count, row_at, places_at, at, step_h, width, position):
        row, places = span(row_at, count, element), span(places_at, count, np.int64)
        above, below = grid(at, (count, 2), element), grid(at + step_h, (count, 2), element)
        for i in range(count):
            here = position + 2 * i
            best, place = larger_of(compute(lowest), here, load(above[i, 0]), here)
            best, place = larger_of(best, place, load(above[i, 1]), here + 1)
            best, place = larger_of(best, place, load(below[i, 0]), here + width)
            best, place = larger_of(best, place, load(below[i, 1]), here + width + 1)
            row[i], places[i] = store(best), place

    return halve


def max_windows(load, store, compute, element, lowest):
    """An item is a row of the output: the maxima of the windows of the tables, and where they are.

    A later NaN replaces an earlier maximum; among equals the first one counts.
    """
    size = element.bitwidth // 8

    @register_jitable
    def larger_of(best, place, value, position):
        larger = (value > best) | (value != value)  # selects: a branch would be mispredicted
        return value if larger else best, position if larger else place

    halve = (
        _vector_halve(element)
        if element in NAME
        else _plain_halve(larger_of, load, store, compute, element, lowest)
    )

    def max_pool_kernel(begin, end, arguments):
        _, height, width = _triple(arguments, SIZE)
        out_d, out_h, out_w = _triple(arguments, OUT_SIZE)
        step_d, step_h, step_w = _triple(arguments, STRIDES + 2)
        hop_d, hop_h, hop_w = _triple(arguments, REST + 3)
        oh, od = begin % out_h - 1, begin // out_h % out_d  # the first turn counts on
        plane = begin // (out_h * out_d)
        source = _plane(arguments, plane)
        for item in range(begin, end):
            oh += 1
            if oh == out_h:
                oh, od = 0, od + 1
                if od == out_d:
                    od, plane = 0, plane + 1
                    source = _plane(arguments, plane)
            row_at = integer(arguments, OUT) + item * out_w * size
            places_at = integer(arguments, INDICES) + item * out_w * 8
            ds = span(integer(arguments, REST) + od * 24, 3, np.int64)
            hs = span(integer(arguments, REST + 1) + oh * 24, 3, np.int64)
            if integer(arguments, REST + 6):
                at = source + ds[0] * step_d + hs[0] * step_h
                halve(out_w, row_at, places_at, at, step_h, width, (ds[0] * height + hs[0]) * width)
                continue
            row, places = span(row_at, out_w, element), span(places_at, out_w, np.int64)
            for ow in range(out_w):
                ws = span(integer(arguments, REST + 2) + ow * 24, 3, np.int64)
                best = compute(lowest)
                place = (ds[0] * height + hs[0]) * width + ws[0]
                d = ds[0]
                while d < ds[1]:
                    h = hs[0]
                    while h < hs[1]:
                        at = source + d * step_d + h * step_h + ws[0] * step_w
                        position = (d * height + h) * width + ws[0]
                        last = position + ws[1] - ws[0]
                        while position < last:
                            value = load(span(at, 1, element)[0])
                            best, place = larger_of(best, place, value, position)
                            position += hop_w
                            at += hop_w * step_w
                        h += hop_h
                    d += hop_d
                row[ow], places[ow] = store(best), place

    return max_pool_kernel


def average_windows(load, store, convert, compute, element):
    """An item is a row of the output: means over the windows of the tables."""
    size = element.bitwidth // 8

    def average_pool_kernel(begin, end, arguments):
        out_d, out_h, out_w = _triple(arguments, OUT_SIZE)
        step_d, step_h, step_w = _triple(arguments, STRIDES + 2)
        divisor = integer(arguments, REST + 3)
        hop = step_w // size
        for item in range(begin, end):
            oh, od, plane = item % out_h, item // out_h % out_d, item // (out_h * out_d)
            source = _plane(arguments, plane)
            row = span(integer(arguments, OUT) + item * out_w * size, out_w, element)
            ds = span(integer(arguments, REST) + od * 24, 3, np.int64)
            hs = span(integer(arguments, REST + 1) + oh * 24, 3, np.int64)
            for ow in range(out_w):
                ws = span(integer(arguments, REST + 2) + ow * 24, 3, np.int64)
                total = compute(0)
                for d in range(ds[0], ds[1]):
                    for h in range(hs[0], hs[1]):
                        at = source + d * step_d + h * step_h + ws[0] * step_w
                        count = ws[1] - ws[0]
                        values = span(at, (count - 1) * hop + 1, element)
                        for i in range(count):
                            total += load(values[i * hop])
                count = divisor if divisor != 0 else ds[2] * hs[2] * ws[2]
                row[ow] = store(convert(total / compute(count)))

    return average_pool_kernel


def average_gradient(load, store, convert, compute, element):
    """An item is a plane of the input: every output's gradient is spread over its window."""
    size = element.bitwidth // 8

    def average_pool_gradient_kernel(begin, end, arguments):
        depth, height, width = _triple(arguments, SIZE)
        out_d, out_h, out_w = _triple(arguments, OUT_SIZE)
        step_d, step_h, step_w = _triple(arguments, STRIDES + 2)
        divisor = integer(arguments, REST + 3)
        pixels = depth * height * width
        for plane in range(begin, end):
            grads = _plane(arguments, plane)
            image = span(integer(arguments, OUT) + plane * pixels * size, pixels, element)
            image[:] = store(convert(compute(0)))
            for od in range(out_d):
                ds = span(integer(arguments, REST) + od * 24, 3, np.int64)
                for oh in range(out_h):
                    hs = span(integer(arguments, REST + 1) + oh * 24, 3, np.int64)
                    for ow in range(out_w):
                        ws = span(integer(arguments, REST + 2) + ow * 24, 3, np.int64)
                        at = grads + od * step_d + oh * step_h + ow * step_w
                        count = divisor if divisor != 0 else ds[2] * hs[2] * ws[2]
                        share = load(span(at, 1, element)[0]) / compute(count)
                        for d in range(ds[0], ds[1]):
                            for h in range(hs[0], hs[1]):
                                first = (d * height + h) * width
                                for w in range(first + ws[0], first + ws[1]):
                                    image[w] = store(convert(load(image[w]) + share))

    return average_pool_gradient_kernel


def scatter_planes(load, store, convert, compute, element):
    """An item is a plane of `out`: zeros, and every element of x added at its index."""
    size = element.bitwidth // 8

    def scatter_planes_kernel(begin, end, arguments):
        depth, height, width = _triple(arguments, SIZE)
        out_d, out_h, out_w = _triple(arguments, OUT_SIZE)
        step_d, step_h, step_w = _triple(arguments, STRIDES + 2)
        pixels, count = depth * height * width, out_d * out_h * out_w
        for plane in range(begin, end):
            values = _plane(arguments, plane)
            image = span(integer(arguments, OUT) + plane * pixels * size, pixels, element)
            image[:] = store(convert(compute(0)))
            places = span(integer(arguments, INDICES) + plane * count * 8, count, np.int64)
            i = 0
            for d in range(out_d):
                for h in range(out_h):
                    for w in range(out_w):
                        at = values + d * step_d + h * step_h + w * step_w
                        value, place = load(span(at, 1, element)[0]), places[i]
                        i += 1
                        if 0 <= place < pixels:
                            image[place] = store(convert(load(image[place]) + value))

    return scatter_planes_kernel


def gather_planes(element):
    """An item is a plane of `out`: the elements of x at the indices."""
    size = element.bitwidth // 8

    def gather_planes_kernel(begin, end, arguments):
        depth, height, width = _triple(arguments, SIZE)
        out_d, out_h, out_w = _triple(arguments, OUT_SIZE)
        step_d, step_h, step_w = _triple(arguments, STRIDES + 2)
        pixels, count = depth * height * width, out_d * out_h * out_w
        for plane in range(begin, end):
            source = _plane(arguments, plane)
            row = span(integer(arguments, OUT) + plane * count * size, count, element)
            places = span(integer(arguments, INDICES) + plane * count * 8, count, np.int64)
            for i in range(count):
                place = places[i]
                if 0 <= place < pixels:
                    at = source + place // (height * width) * step_d
                    at += place // width % height * step_h + place % width * step_w
                    row[i] = span(at, 1, element)[0]

    return gather_planes_kernel


# Host functions ----------------------------------------------------------------------------------


@cache
def _numeric(factory, dtype):
    return cpu_target.specialise(
        factory, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, dtype.numba,
    )  # fmt: skip


@cache
def _maximum(dtype):
    lowest = -np.inf if dtype.is_floating_point else int(dtypes.iinfo(dtype).min)
    return cpu_target.specialise(
        max_windows, conversion.load(dtype), conversion.store(dtype), dtype.compute, dtype.numba,
        lowest,
    )  # fmt: skip


def _head(x, out, indices, plane, window_plane):
    """The slots before REST; `plane` and `window_plane` are the spatial shapes on either side."""
    strides = [stride * x.dtype.itemsize for stride in x.strides]
    return [
        x.address, out.address, 0 if indices is None else indices.address, x.shape[1],
        *volume(plane, 1), *volume(window_plane, 1), *strides[:2], *volume(strides[2:], 0),
    ]  # fmt: skip


@lru_cache(maxsize=1024)
def dilated_windows(size, out_size, kernel, stride, padding, dilation):
    """The table of max-pooling along one dimension."""
    begin = np.arange(out_size, dtype=np.int64) * stride - padding
    end = np.minimum(begin + (kernel - 1) * dilation + 1, size)
    begin = np.where(begin < 0, begin + -(begin // dilation) * dilation, begin)
    return np.ascontiguousarray(np.stack([begin, end, end - begin], axis=1))


@lru_cache(maxsize=1024)
def sliding_windows(size, out_size, kernel, stride, padding, count_include_pad):
    """The table of average pooling along one dimension."""
    begin = np.arange(out_size, dtype=np.int64) * stride - padding
    end = np.minimum(begin + kernel, size + padding)
    clipped = np.maximum(begin, 0), np.minimum(end, size)
    length = end - begin if count_include_pad else clipped[1] - clipped[0]
    return np.ascontiguousarray(np.stack([*clipped, length], axis=1))


@lru_cache(maxsize=1024)
def adaptive_windows(size, out_size):
    """The table of adaptive pooling along one dimension."""
    position = np.arange(out_size, dtype=np.int64)
    begin, end = position * size // out_size, -(-(position + 1) * size // out_size)
    return np.ascontiguousarray(np.stack([begin, end, end - begin], axis=1))


def _run_rows(kernel, out, head, rest, work):
    rows = shapes.numel(out.shape[:-1])
    kernel(rows, -(-GRAIN // max(1, work * out.shape[-1])), *head, *rest)


def _run_planes(kernel, out, head, rest):
    pixels = shapes.numel(out.shape[2:])
    kernel(shapes.numel(out.shape[:2]), -(-GRAIN // max(1, pixels)), *head, *rest)


def _maxima(out, indices, input, tables, dilation, work, halves=False):
    head = _head(input, out, indices, input.shape[2:], out.shape[2:])
    rest = [*recording.addresses_of(*tables), *dilation, halves]
    _run_rows(_maximum(out.dtype), out, head, rest, work)


def max_pool(out, indices, input, kernel, stride, padding, dilation):
    """out = the maximum of every window, indices = where in its plane each one lies."""
    dilation = volume(dilation, 1)
    along = zip(
        volume(input.shape[2:], 1), volume(out.shape[2:], 1), volume(kernel, 1), volume(stride, 1),
        volume(padding, 0), dilation,
    )  # fmt: skip
    tables = [dilated_windows(*values) for values in along]
    halves = (
        input.strides[-1] == 1
        and volume(kernel, 1) == volume(stride, 1) == (1, 2, 2)
        and volume(padding, 0) == (0, 0, 0)
        and dilation == (1, 1, 1)
        and all(2 * n <= size for n, size in zip(out.shape[-2:], input.shape[-2:]))
    )
    _maxima(out, indices, input, tables, dilation, shapes.numel(kernel), halves)


def adaptive_max_pool(out, indices, input):
    """As max_pool, over windows that divide the input evenly among the outputs."""
    if 0 not in out.shape:
        tables = _adaptive_tables(input.shape[2:], out.shape[2:])
        work = shapes.numel(input.shape) // shapes.numel(out.shape)
        _maxima(out, indices, input, tables, (1, 1, 1), work)


def _adaptive_tables(sizes, out_sizes):
    return [adaptive_windows(*pair) for pair in zip(volume(sizes, 1), volume(out_sizes, 1))]


def _sliding_tables(sizes, out_sizes, kernel, stride, padding, count_include_pad):
    along = zip(
        volume(sizes, 1), volume(out_sizes, 1), volume(kernel, 1), volume(stride, 1),
        volume(padding, 0),
    )  # fmt: skip
    return [sliding_windows(*values, count_include_pad) for values in along]


def _average(out, input, tables, divisor):
    head = _head(input, out, None, input.shape[2:], out.shape[2:])
    work = shapes.numel([int(t[:, 1].max() - t[:, 0].min()) // len(t) + 1 for t in tables])
    rest = [*recording.addresses_of(*tables), divisor]
    _run_rows(_numeric(average_windows, out.dtype), out, head, rest, work)


def _spread(out, grad_output, tables, divisor):
    head = _head(grad_output, out, None, out.shape[2:], grad_output.shape[2:])
    rest = [*recording.addresses_of(*tables), divisor]
    _run_planes(_numeric(average_gradient, out.dtype), out, head, rest)


def average_pool(out, input, kernel, stride, padding, count_include_pad, divisor):
    """out = the sum of every window over `divisor`; a divisor of 0 means the window's size."""
    geometry = kernel, stride, padding, count_include_pad
    if 0 not in out.shape:
        _average(out, input, _sliding_tables(input.shape[2:], out.shape[2:], *geometry), divisor)


def average_pool_gradient(
    out, grad_output, kernel, stride, padding, count_include_pad, divisor
):  # fmt: skip
    """out = the gradient of average_pool with respect to its input, whose shape `out` has."""
    geometry = kernel, stride, padding, count_include_pad
    tables = _sliding_tables(out.shape[2:], grad_output.shape[2:], *geometry)
    _spread(out, grad_output, tables, divisor)


def adaptive_average_pool(out, input):
    """out = the mean of every window, windows dividing the input evenly among the outputs."""
    if 0 not in out.shape:
        _average(out, input, _adaptive_tables(input.shape[2:], out.shape[2:]), 0)


def adaptive_average_pool_gradient(out, grad_output):
    """out = the gradient of adaptive_average_pool with respect to its input."""
    _spread(out, grad_output, _adaptive_tables(out.shape[2:], grad_output.shape[2:]), 0)


def scatter_by_index(out, input, indices):
    """out = zeros, and each element of `input` added at its index in its plane."""
    head = _head(input, out, indices, out.shape[2:], input.shape[2:])
    _run_planes(_numeric(scatter_planes, out.dtype), out, head, [])


def gather_by_index(out, input, indices):
    """out = the elements of `input` at `indices` in their planes."""
    head = _head(input, out, indices, input.shape[2:], out.shape[2:])
    _run_planes(cpu_target.specialise(gather_planes, out.dtype.numba), out, head, [])

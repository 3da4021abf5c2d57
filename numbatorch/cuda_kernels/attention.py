"""Attention, softmax(q k^T * scale + mask) v, in one pass over the keys: no matrix of all scores.

A block takes a tile of rows: queries forward and for their gradient, keys with their values for
theirs. It goes through the others a tile at a time. The scores of two tiles lie in registers,
`micro` x `micro` a thread; the weights made of them pass through shared memory, and are multiplied
with a tile of values into totals that stay in registers. Forward, the greatest score and the sum of a
row grow as keys come, and what was added up before is scaled down (Dao et al., 2022, FlashAttention).
There are no atomics, so results are the same in every run.

Operands are dense, (heads, rows, columns); only the mask is read through its strides (heads, query,
key). Where there are fewer heads of keys and values, neighbouring heads of queries share them. A block
has `columns` * SIDE columns of the result; where it has more, other blocks find the same weights.
"""

import math

from numba import types

from .. import shapes
from ..cuda_memory import empty_on
from ..cuda_target import SIMULATED, THREADS, cuda, specialise
from ..formulas import conversion, exponential
from ..formulas.accumulation import add, maximum
from ..formulas.typed import formula
from .elementwise import apply, dense
from .native import block_reducer, flat, memory, warp_reducer
from .runs import run_length, run_mover

#: Threads of a block along rows, and along columns; a row's threads are of one warp.
SIDE = 2 if SIMULATED else 16

#: Columns of the operands that lie in shared memory at a time.
DEPTH = 2 if SIMULATED else 8

#: Columns of a result that a thread adds up, few and many.
FEW, MANY = (1, 2) if SIMULATED else (4, 8)

_ALIGNED = 16
_PADDING = 4  # keeps threads that write a column of a tile on different banks


def rows_of_a_thread(number):
    """Rows, and columns, of a tile of scores that a thread has: what shared memory has room for."""
    wide = number == types.float64
    return (1 if wide else 2) if SIMULATED else (2 if wide else 4)


@formula
def mask_at(mask, layout, heads, place, query, key):
    """What the mask adds to a score of head `place`."""
    at = place // heads * layout[0] + place % heads * layout[1]
    return mask[at + query * layout[2] + key * layout[3] + layout[4]]


# Products of tiles --------------------------------------------------------------------------------
# Thread (x, y) has runs of rows y and of columns x, SIDE runs apart, so that runs are read at once.


@formula
def place_of(thread, n, run):
    """Which line of a tile is the n-th of a thread (its x or y)."""
    return n // run * run * SIDE + thread * run + n % run


def product_adder(number):
    """add_products(totals, a, a_start, a_rows, b, b_start, b_rows, width): totals[m, n] += the product
    of row m of a tile of `a` and row n of a tile of `b`. Rows from a_rows and b_rows on are zeros."""
    micro = rows_of_a_thread(number)
    run, rows, threads = min(micro, run_length(number)), SIDE * micro, SIDE * SIDE
    read_run = run_mover(run, reads_aligned=True)
    pitch = rows + _PADDING
    slab_size, share, further = DEPTH * pitch, rows * DEPTH // threads, threads // DEPTH

    @formula
    def add_products(totals, a, a_start, a_rows, b, b_start, b_rows, width):
        a_slab = cuda.shared.array(slab_size, number, _ALIGNED)
        b_slab = cuda.shared.array(slab_size, number, _ALIGNED)
        left, right = cuda.local.array(micro, number), cuda.local.array(micro, number)
        thread = cuda.threadIdx.x
        x, y = thread % SIDE * run, thread // SIDE * run
        step, line = thread % DEPTH, thread // DEPTH
        for first in range(0, width, DEPTH):
            cuda.syncthreads()
            for n in range(share):
                row = line + n * further
                a_value, b_value = number(0), number(0)
                if first + step < width:
                    if row < a_rows:
                        a_value = a[a_start + row * width + first + step]
                    if row < b_rows:
                        b_value = b[b_start + row * width + first + step]
                a_slab[step * pitch + row] = a_value
                b_slab[step * pitch + row] = b_value
            cuda.syncthreads()
            for k in range(DEPTH):
                for n in range(0, micro, run):
                    read_run(left, n, a_slab, k * pitch + n * SIDE + y)
                    read_run(right, n, b_slab, k * pitch + n * SIDE + x)
                for m in range(micro):
                    for n in range(micro):
                        totals[m, n] += left[m] * right[n]

    return add_products


def weighted_adder(number, columns):
    """add_weighted(totals, weights, x, start, count, width, first): totals[m, n] += the sum over the
    `count` rows j of a tile of x of weights[j, row m] * x[j, column n], columns from `first` on."""
    micro = rows_of_a_thread(number)
    run, pitch = min(micro, run_length(number)), SIDE * micro + _PADDING
    column_run, wide = min(columns, run_length(number)), SIDE * columns
    read_weights, read_values = (
        run_mover(run, reads_aligned=True),
        run_mover(column_run, reads_aligned=True),
    )
    slab_size, share, threads = DEPTH * wide, DEPTH * wide // (SIDE * SIDE), SIDE * SIDE

    @formula
    def add_weighted(totals, weights, x, start, count, width, first):
        slab = cuda.shared.array(slab_size, number, _ALIGNED)
        left, right = cuda.local.array(micro, number), cuda.local.array(columns, number)
        thread = cuda.threadIdx.x
        x_at, y_at = thread % SIDE * column_run, thread // SIDE * run
        for top in range(0, count, DEPTH):
            cuda.syncthreads()
            for n in range(share):
                item = thread + n * threads
                j, column = top + item // wide, first + item % wide
                value = number(0)
                if j < count and column < width:
                    value = x[start + j * width + column]
                slab[item] = value
            cuda.syncthreads()
            for k in range(DEPTH):
                for n in range(0, micro, run):
                    read_weights(left, n, weights, (top + k) * pitch + n * SIDE + y_at)
                for n in range(0, columns, column_run):
                    read_values(right, n, slab, k * wide + n * SIDE + x_at)
                for m in range(micro):
                    for n in range(columns):
                        totals[m, n] += left[m] * right[n]

    return add_weighted


def cleaner(rows, columns, number):
    """A function that makes an array of a thread's own zero."""

    @formula
    def clear(totals):
        for m in range(rows):
            for n in range(columns):
                totals[m, n] = number(0)

    return clear


# Kernels ------------------------------------------------------------------------------------------
# A block's number tells its piece of the columns, its tile of rows and its head.


def forward(number, has_mask, has_noise, columns):
    """Output, and for every query the logarithm of its sum of exponentials."""
    micro = rows_of_a_thread(number)
    run, column_run = min(micro, run_length(number)), min(columns, run_length(number))
    rows = SIDE * micro
    pitch = rows + _PADDING
    size = rows * pitch
    add_products, add_weighted = product_adder(number), weighted_adder(number, columns)
    clear_scores, clear_totals = cleaner(micro, micro, number), cleaner(micro, columns, number)
    greatest_of, sum_of = warp_reducer(maximum, number, SIDE), warp_reducer(add, number, SIDE)
    lowest = number(-math.inf)

    def attention_kernel(
        out, out_layout, logarithms, q, k, v, mask, mask_layout, noise, scale, heads, group,
        queries, keys, width, value_width, causal, tiles, pieces,
    ):  # fmt: skip
        weights = cuda.shared.array(size, number, _ALIGNED)
        scores = cuda.local.array((micro, micro), number)
        totals = cuda.local.array((micro, columns), number)
        greatest, sums = cuda.local.array(micro, number), cuda.local.array(micro, number)
        x, y = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
        piece, item = cuda.blockIdx.x % pieces, cuda.blockIdx.x // pieces
        place, first_query = item // tiles, item % tiles * rows
        kv = place // heads * (heads // group) + place % heads // group
        q_start, count = place * queries + first_query, min(rows, queries - first_query)
        last = min(keys, first_query + count) if causal else keys
        clear_totals(totals)
        for m in range(micro):
            greatest[m], sums[m] = lowest, number(0)
        for first_key in range(0, last, rows):
            kv_start, kv_count = kv * keys + first_key, min(rows, last - first_key)
            clear_scores(scores)
            add_products(scores, q, q_start * width, count, k, kv_start * width, kv_count, width)
            cuda.syncthreads()
            for m in range(micro):
                row = place_of(y, m, run)
                i = first_query + row
                best = lowest
                for n in range(micro):
                    j = first_key + place_of(x, n, run)
                    s = lowest
                    if i < queries and j < last and (j <= i or not causal):
                        s = scores[m, n] * scale
                        if has_mask:
                            s += mask_at(mask, mask_layout, heads, place, i, j)
                    scores[m, n] = s
                    best = maximum(best, s)
                best = maximum(greatest[m], greatest_of(best))
                shift = best if best != lowest else number(0)
                factor = exponential.exp(greatest[m] - shift)
                total = number(0)
                for n in range(micro):
                    column = place_of(x, n, run)
                    j = first_key + column
                    w = exponential.exp(scores[m, n] - shift)
                    total += w
                    if has_noise and i < queries and j < last:
                        w *= noise[(place * queries + i) * keys + j]
                    weights[column * pitch + row] = w
                sums[m] = sums[m] * factor + sum_of(total)
                greatest[m] = best
                for n in range(columns):
                    totals[m, n] *= factor
            add_weighted(
                totals, weights, v, kv_start * value_width, kv_count, value_width,
                piece * columns * SIDE,
            )  # fmt: skip
        for m in range(micro):
            i = first_query + place_of(y, m, run)
            if i >= queries:
                continue
            inverse, logarithm = number(0), number(math.inf)
            if sums[m] != 0:
                inverse = number(1) / sums[m]
                logarithm = greatest[m] + exponential.log(sums[m])
            if x == 0 and piece == 0:
                logarithms[place * queries + i] = logarithm
            at = place // heads * out_layout[0] + place % heads * out_layout[1] + i * out_layout[2]
            for n in range(columns):
                column = piece * columns * SIDE + place_of(x, n, column_run)
                if column < value_width:
                    out[at + column] = totals[m, n] * inverse

    return attention_kernel


def weight_means(number):
    """means[i] = the sum of grad * output over row i, the mean of its weights' gradients."""
    added = block_reducer(add, number)

    def attention_means_kernel(means, grad, output, rows, width):
        for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            part = number(0)
            for c in range(cuda.threadIdx.x, width, THREADS):
                part += grad[row * width + c] * output[row * width + c]
            total = added(part)
            if cuda.threadIdx.x == 0:
                means[row] = total

    return attention_means_kernel


def query_gradient(number, has_mask, has_noise, columns):
    """The gradient of a tile of queries, from all keys."""
    micro = rows_of_a_thread(number)
    run, column_run = min(micro, run_length(number)), min(columns, run_length(number))
    rows = SIDE * micro
    pitch = rows + _PADDING
    size = rows * pitch
    add_products, add_weighted = product_adder(number), weighted_adder(number, columns)
    clear_scores, clear_totals = cleaner(micro, micro, number), cleaner(micro, columns, number)

    def attention_query_gradient_kernel(
        grad_q, grad_layout, means, grad, logarithms, q, k, v, mask, mask_layout, noise, scale,
        heads, group, queries, keys, width, value_width, causal, tiles, pieces,
    ):  # fmt: skip
        weights = cuda.shared.array(size, number, _ALIGNED)
        scores = cuda.local.array((micro, micro), number)
        grads = cuda.local.array((micro, micro), number)
        totals = cuda.local.array((micro, columns), number)
        x, y = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
        piece, item = cuda.blockIdx.x % pieces, cuda.blockIdx.x // pieces
        place, first_query = item // tiles, item % tiles * rows
        kv = place // heads * (heads // group) + place % heads // group
        q_start, count = place * queries + first_query, min(rows, queries - first_query)
        last = min(keys, first_query + count) if causal else keys
        clear_totals(totals)
        for first_key in range(0, last, rows):
            kv_start, kv_count = kv * keys + first_key, min(rows, last - first_key)
            clear_scores(scores)
            clear_scores(grads)
            add_products(scores, q, q_start * width, count, k, kv_start * width, kv_count, width)
            add_products(
                grads, grad, q_start * value_width, count, v, kv_start * value_width, kv_count,
                value_width,
            )  # fmt: skip
            cuda.syncthreads()
            for m in range(micro):
                row = place_of(y, m, run)
                i = first_query + row
                for n in range(micro):
                    column = place_of(x, n, run)
                    j = first_key + column
                    d = number(0)
                    if i < queries and j < last and (j <= i or not causal):
                        s = scores[m, n] * scale
                        if has_mask:
                            s += mask_at(mask, mask_layout, heads, place, i, j)
                        w = exponential.exp(s - logarithms[place * queries + i])
                        g = grads[m, n]
                        if has_noise:
                            g *= noise[(place * queries + i) * keys + j]
                        d = w * (g - means[place * queries + i]) * scale
                    weights[column * pitch + row] = d
            add_weighted(
                totals, weights, k, kv_start * width, kv_count, width, piece * columns * SIDE
            )
        for m in range(micro):
            i = first_query + place_of(y, m, run)
            if i >= queries:
                continue
            at = place // heads * grad_layout[0] + place % heads * grad_layout[1]
            at += i * grad_layout[2]
            for n in range(columns):
                column = piece * columns * SIDE + place_of(x, n, column_run)
                if column < width:
                    grad_q[at + column] = totals[m, n]

    return attention_query_gradient_kernel


def key_value_gradient(number, has_mask, has_noise, columns):
    """The gradients of a tile of keys and their values, from all queries of the heads that share them."""
    micro = rows_of_a_thread(number)
    run, column_run = min(micro, run_length(number)), min(columns, run_length(number))
    rows = SIDE * micro
    pitch = rows + _PADDING
    size = rows * pitch
    add_products, add_weighted = product_adder(number), weighted_adder(number, columns)
    clear_scores, clear_totals = cleaner(micro, micro, number), cleaner(micro, columns, number)

    def attention_key_value_gradient_kernel(
        grad_k, k_layout, grad_v, v_layout, means, grad, logarithms, q, k, v, mask, mask_layout,
        noise, scale, heads, group, queries, keys, width, value_width, causal, tiles, pieces,
    ):  # fmt: skip
        weights = cuda.shared.array(size, number, _ALIGNED)
        scores = cuda.local.array((micro, micro), number)
        grads = cuda.local.array((micro, micro), number)
        key_totals = cuda.local.array((micro, columns), number)
        value_totals = cuda.local.array((micro, columns), number)
        x, y = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
        piece, item = cuda.blockIdx.x % pieces, cuda.blockIdx.x // pieces
        kv, first_key = item // tiles, item % tiles * rows
        kv_heads = heads // group
        kv_start, count = kv * keys + first_key, min(rows, keys - first_key)
        first_column = piece * columns * SIDE
        clear_totals(key_totals)
        clear_totals(value_totals)
        for shared in range(group):
            place = kv // kv_heads * heads + kv % kv_heads * group + shared
            begin = first_key if causal else 0
            for first_query in range(begin, queries, rows):
                q_start, q_count = place * queries + first_query, min(rows, queries - first_query)
                clear_scores(scores)
                clear_scores(grads)
                add_products(scores, k, kv_start * width, count, q, q_start * width, q_count, width)
                add_products(
                    grads, v, kv_start * value_width, count, grad, q_start * value_width, q_count,
                    value_width,
                )  # fmt: skip
                cuda.syncthreads()
                for m in range(micro):
                    row = place_of(y, m, run)
                    j = first_key + row
                    for n in range(micro):
                        column = place_of(x, n, run)
                        i = first_query + column
                        w, d = number(0), number(0)
                        if i < queries and j < keys and (j <= i or not causal):
                            s = scores[m, n] * scale
                            if has_mask:
                                s += mask_at(mask, mask_layout, heads, place, i, j)
                            w = exponential.exp(s - logarithms[place * queries + i])
                            g, factor = grads[m, n], number(1)
                            if has_noise:
                                factor = noise[(place * queries + i) * keys + j]
                                g *= factor
                            d = w * (g - means[place * queries + i]) * scale
                            w *= factor
                        weights[column * pitch + row] = w
                        grads[m, n] = d
                add_weighted(
                    value_totals, weights, grad, q_start * value_width, q_count, value_width,
                    first_column,
                )  # fmt: skip
                cuda.syncthreads()
                for m in range(micro):
                    for n in range(micro):
                        at = place_of(x, n, run) * pitch + place_of(y, m, run)
                        weights[at] = grads[m, n]
                add_weighted(key_totals, weights, q, q_start * width, q_count, width, first_column)
        for m in range(micro):
            j = first_key + place_of(y, m, run)
            if j >= keys:
                continue
            at_k = kv // kv_heads * k_layout[0] + kv % kv_heads * k_layout[1] + j * k_layout[2]
            at_v = kv // kv_heads * v_layout[0] + kv % kv_heads * v_layout[1] + j * v_layout[2]
            for n in range(columns):
                column = first_column + place_of(x, n, column_run)
                if column < width:
                    grad_k[at_k + column] = key_totals[m, n]
                if column < value_width:
                    grad_v[at_v + column] = value_totals[m, n]

    return attention_key_value_gradient_kernel


# Host functions ---------------------------------------------------------------------------------


def _layout(x):
    """Strides (outer, head, row) of a result, whose memory begins with it."""
    *leading, heads, rows, columns = (1, 1, *x.shape)[-max(4, len(x.shape)) :]
    shape = shapes.Size((shapes.numel(leading), heads, rows, columns))
    return shapes.view_strides(x.shape, x.strides, shape)[:3]


def _mask(mask, instead, scores_shape):
    """(memory, (strides of outer, head, query and key, offset)) of a mask."""
    if mask is None:
        return flat(instead), (0, 0, 0, 0, 0)
    *leading, heads, queries, keys = (1, 1, *scores_shape)[-max(4, len(scores_shape)) :]
    shape = shapes.Size((shapes.numel(leading), heads, queries, keys))
    strides = shapes.broadcast_strides(mask.shape, mask.strides, scores_shape)
    strides = shapes.view_strides(scores_shape, strides, shape)
    if strides is None:
        copy = empty_on(mask.storage.device_index, shapes.Size(scores_shape), mask.dtype)
        apply(conversion.identity, copy, mask)
        mask, strides = copy, shapes.contiguous_strides(shape)
    return memory(mask), (*strides, mask.offset)


def _geometry(query, key, value, causal):
    """What the kernels take after the scale, up to the tiles."""
    heads = query.shape[-3] if len(query.shape) > 2 else 1
    kv_heads = key.shape[-3] if len(key.shape) > 2 else 1
    return (
        heads, heads // max(kv_heads, 1), query.shape[-2], key.shape[-2], query.shape[-1],
        value.shape[-1], causal,
    )  # fmt: skip


def _launch(factory, number, mask, noise, rows, width, *arguments):
    """Launch a kernel for results of `width` columns in the rows of `rows`, (..., heads, rows, columns)."""
    columns = FEW if width <= FEW * SIDE else MANY
    kernel = specialise(factory, number, mask is not None, noise is not None, columns)
    tiles = -(-rows.shape[-2] // (SIDE * rows_of_a_thread(number)))
    pieces = -(-width // (columns * SIDE))
    blocks = shapes.numel(rows.shape[:-2]) * tiles * pieces
    if blocks:
        kernel.launch(blocks, SIDE * SIDE, *arguments, tiles, pieces)


def attention(output, logarithms, query, key, value, mask, noise, scale, causal):
    """output = (softmax(query key^T * scale + mask) * noise) value, and the logarithm of the sum of
    exponentials of every row of scores, infinite where there is nothing to look at.

    (..., heads, L, E), (..., kv_heads, S, E), (..., kv_heads, S, V); `mask` broadcasts to the
    scores, `noise` is dense and has their shape; both may be None.
    """
    if 0 in output.shape:
        return
    scores_shape = (*query.shape[:-1], key.shape[-2])
    number = query.dtype.numba
    query, key, value = dense(query), dense(key), dense(value)
    _launch(
        forward, number, mask, noise, query, value.shape[-1], flat(output), _layout(output),
        flat(logarithms), flat(query), flat(key), flat(value),
        *_mask(mask, query, scores_shape), flat(query if noise is None else noise),
        query.dtype.compute(scale), *_geometry(query, key, value, causal),
    )  # fmt: skip


def attention_gradient(
    grad_query, grad_key, grad_value, grad, query, key, value, mask, noise, output, logarithms,
    scale, causal,
):  # fmt: skip
    """The gradients of attention for query, key and value; `logarithms` as attention gave them."""
    scores_shape = (*query.shape[:-1], key.shape[-2])
    number = query.dtype.numba
    query, key, value, grad, output = (dense(x) for x in (query, key, value, grad, output))
    means = empty_on(query.storage.device_index, logarithms.shape, query.dtype)
    operands = (
        flat(query), flat(key), flat(value), *_mask(mask, query, scores_shape),
        flat(query if noise is None else noise), query.dtype.compute(scale),
        *_geometry(query, key, value, causal),
    )  # fmt: skip
    rows = shapes.numel(query.shape[:-1])
    if rows:
        specialise(weight_means, number)(
            rows * THREADS, flat(means), flat(grad), flat(output), rows, value.shape[-1]
        )
    _launch(
        query_gradient, number, mask, noise, query, query.shape[-1], flat(grad_query),
        _layout(grad_query), flat(means), flat(grad), flat(logarithms), *operands,
    )  # fmt: skip
    _launch(
        key_value_gradient, number, mask, noise, key, max(key.shape[-1], value.shape[-1]),
        flat(grad_key), _layout(grad_key), flat(grad_value), _layout(grad_value), flat(means),
        flat(grad), flat(logarithms), *operands,
    )  # fmt: skip

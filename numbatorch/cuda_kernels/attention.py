"""Attention, softmax(q k^T * scale + mask) v, without the matrix of all scores.

A block takes a row: a query forward and for its gradient, a key and value for theirs. It goes
through the others a tile of THREADS at a time: each thread finds one weight, then, the weights in
shared memory, each thread adds up columns of the result. There are no atomics, so results are the
same in every run.

Operands are dense, (heads, rows, columns); only the mask is read through its strides (heads, query,
key). Where there are fewer heads of keys and values, neighbouring heads of queries share them.
"""

import math

from .. import shapes
from ..cuda_memory import empty_on
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion, exponential
from ..formulas.accumulation import add, maximum
from ..formulas.typed import formula
from .elementwise import apply, dense
from .native import block_reducer, flat, memory


@formula
def score(q, k, query, key, width, scale):
    """The scaled product of a query and a key, given where their rows begin."""
    total = scale * 0
    for c in range(width):
        total += q[query + c] * k[key + c]
    return total * scale


@formula
def mask_at(mask, layout, heads, place, query, key):
    """What the mask adds to a score of head `place`."""
    at = place // heads * layout[0] + place % heads * layout[1]
    return mask[at + query * layout[2] + key * layout[3] + layout[4]]


def forward(number, has_mask, has_noise):
    """A block takes a query: the greatest score and the sum of exponentials, then the output."""
    greatest, added = block_reducer(maximum, number), block_reducer(add, number)
    lowest = number(-math.inf)

    def attention_kernel(
        out, out_layout, logarithms, q, k, v, mask, mask_layout, noise, scale, places, heads, group,
        queries, keys, width, value_width, causal,
    ):  # fmt: skip
        weights = cuda.shared.array(THREADS, number)
        thread = cuda.threadIdx.x
        for item in range(cuda.blockIdx.x, places * queries, cuda.gridDim.x):
            place, i = item // queries, item % queries
            kv = place // heads * (heads // group) + place % heads // group
            last = min(keys, i + 1) if causal else keys
            m = lowest
            for j in range(thread, last, THREADS):
                s = score(q, k, item * width, (kv * keys + j) * width, width, scale)
                if has_mask:
                    s += mask_at(mask, mask_layout, heads, place, i, j)
                m = maximum(m, s)
            m = greatest(m)
            shift = m if m != lowest else number(0)
            total = number(0)
            for j in range(thread, last, THREADS):
                s = score(q, k, item * width, (kv * keys + j) * width, width, scale)
                if has_mask:
                    s += mask_at(mask, mask_layout, heads, place, i, j)
                total += exponential.exp(s - shift)
            total = added(total)
            inverse = number(0)
            if total != 0:
                inverse = number(1) / total
            if thread == 0:
                sums = number(math.inf)
                if total != 0:
                    sums = shift + exponential.log(total)
                logarithms[item] = sums
            at = place // heads * out_layout[0] + place % heads * out_layout[1]
            at += i * out_layout[2]
            for c in range(thread, value_width, THREADS):
                out[at + c] = number(0)
            for first in range(0, last, THREADS):
                j = first + thread
                w = number(0)
                if j < last:
                    s = score(q, k, item * width, (kv * keys + j) * width, width, scale)
                    if has_mask:
                        s += mask_at(mask, mask_layout, heads, place, i, j)
                    w = exponential.exp(s - shift) * inverse
                    if has_noise:
                        w *= noise[item * keys + j]
                weights[thread] = w
                cuda.syncthreads()
                for c in range(thread, value_width, THREADS):
                    value = out[at + c]
                    for j in range(min(THREADS, last - first)):
                        value += weights[j] * v[(kv * keys + first + j) * value_width + c]
                    out[at + c] = value
                cuda.syncthreads()

    return attention_kernel


def query_gradient(number, has_mask, has_noise):
    """A block takes a query; also `means`, of the gradients of its weights, by weight."""
    added = block_reducer(add, number)

    def attention_query_gradient_kernel(
        grad_q, grad_layout, means, grad, output, logarithms, q, k, v, mask, mask_layout, noise,
        scale, places, heads, group, queries, keys, width, value_width, causal,
    ):  # fmt: skip
        gradients = cuda.shared.array(THREADS, number)
        thread = cuda.threadIdx.x
        for item in range(cuda.blockIdx.x, places * queries, cuda.gridDim.x):
            place, i = item // queries, item % queries
            kv = place // heads * (heads // group) + place % heads // group
            last = min(keys, i + 1) if causal else keys
            mean = number(0)
            for c in range(thread, value_width, THREADS):
                mean += grad[item * value_width + c] * output[item * value_width + c]
            mean = added(mean)
            if thread == 0:
                means[item] = mean
            at = place // heads * grad_layout[0] + place % heads * grad_layout[1]
            at += i * grad_layout[2]
            for c in range(thread, width, THREADS):
                grad_q[at + c] = number(0)
            for first in range(0, last, THREADS):
                j = first + thread
                g = number(0)
                if j < last:
                    s = score(q, k, item * width, (kv * keys + j) * width, width, scale)
                    if has_mask:
                        s += mask_at(mask, mask_layout, heads, place, i, j)
                    row = (kv * keys + j) * value_width
                    for c in range(value_width):
                        g += grad[item * value_width + c] * v[row + c]
                    if has_noise:
                        g *= noise[item * keys + j]
                    g = exponential.exp(s - logarithms[item]) * (g - mean) * scale
                gradients[thread] = g
                cuda.syncthreads()
                for c in range(thread, width, THREADS):
                    value = grad_q[at + c]
                    for j in range(min(THREADS, last - first)):
                        value += gradients[j] * k[(kv * keys + first + j) * width + c]
                    grad_q[at + c] = value
                cuda.syncthreads()

    return attention_query_gradient_kernel


def key_value_gradient(number, has_mask, has_noise):
    """A block takes a key and its value, and all queries of the heads that share them."""

    def attention_key_value_gradient_kernel(
        grad_k, k_layout, grad_v, v_layout, means, grad, logarithms, q, k, v, mask, mask_layout,
        noise, scale, kv_places, heads, group, queries, keys, width, value_width, causal,
    ):  # fmt: skip
        weights = cuda.shared.array(THREADS, number)
        gradients = cuda.shared.array(THREADS, number)
        thread = cuda.threadIdx.x
        kv_heads = heads // group
        for item in range(cuda.blockIdx.x, kv_places * keys, cuda.gridDim.x):
            kv, j = item // keys, item % keys
            at_k = kv // kv_heads * k_layout[0] + kv % kv_heads * k_layout[1] + j * k_layout[2]
            at_v = kv // kv_heads * v_layout[0] + kv % kv_heads * v_layout[1] + j * v_layout[2]
            for c in range(thread, width, THREADS):
                grad_k[at_k + c] = number(0)
            for c in range(thread, value_width, THREADS):
                grad_v[at_v + c] = number(0)
            for first in range(0, group * queries, THREADS):
                count = min(THREADS, group * queries - first)
                i = (first + thread) % queries
                place = kv // kv_heads * heads + kv % kv_heads * group + (first + thread) // queries
                row = place * queries + i
                w, g = number(0), number(0)
                if thread < count and (j <= i or not causal):
                    s = score(q, k, row * width, item * width, width, scale)
                    if has_mask:
                        s += mask_at(mask, mask_layout, heads, place, i, j)
                    w = exponential.exp(s - logarithms[row])
                    for c in range(value_width):
                        g += grad[row * value_width + c] * v[item * value_width + c]
                    if has_noise:
                        g *= noise[row * keys + j]
                    g = w * (g - means[row]) * scale
                    if has_noise:
                        w *= noise[row * keys + j]
                weights[thread], gradients[thread] = w, g
                cuda.syncthreads()
                start = (kv // kv_heads * heads + kv % kv_heads * group) * queries + first
                for c in range(thread, width, THREADS):
                    value = grad_k[at_k + c]
                    for n in range(count):
                        value += gradients[n] * q[(start + n) * width + c]
                    grad_k[at_k + c] = value
                for c in range(thread, value_width, THREADS):
                    value = grad_v[at_v + c]
                    for n in range(count):
                        value += weights[n] * grad[(start + n) * value_width + c]
                    grad_v[at_v + c] = value
                cuda.syncthreads()

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
    """What the kernels take after the scale."""
    heads = query.shape[-3] if len(query.shape) > 2 else 1
    kv_heads = key.shape[-3] if len(key.shape) > 2 else 1
    return (
        shapes.numel(query.shape[:-2]), heads, heads // max(kv_heads, 1), query.shape[-2],
        key.shape[-2], query.shape[-1], value.shape[-1], causal,
    )  # fmt: skip


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
    kernel = specialise(forward, number, mask is not None, noise is not None)
    kernel(
        shapes.numel(query.shape[:-1]) * THREADS, flat(output), _layout(output), flat(logarithms),
        flat(query), flat(key), flat(value), *_mask(mask, query, scores_shape),
        flat(query if noise is None else noise), query.dtype.compute(scale),
        *_geometry(query, key, value, causal),
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
    options = number, mask is not None, noise is not None
    geometry = _geometry(query, key, value, causal)
    operands = (
        flat(query), flat(key), flat(value), *_mask(mask, query, scores_shape),
        flat(query if noise is None else noise), query.dtype.compute(scale),
    )  # fmt: skip
    rows = shapes.numel(query.shape[:-1])
    if rows:
        specialise(query_gradient, *options)(
            rows * THREADS, flat(grad_query), _layout(grad_query), flat(means), flat(grad),
            flat(output), flat(logarithms), *operands, *geometry,
        )  # fmt: skip
    rows = shapes.numel(key.shape[:-1])
    if rows:
        specialise(key_value_gradient, *options)(
            rows * THREADS, flat(grad_key), _layout(grad_key), flat(grad_value),
            _layout(grad_value), flat(means), flat(grad), flat(logarithms), *operands,
            shapes.numel(key.shape[:-2]), *geometry[1:],
        )  # fmt: skip

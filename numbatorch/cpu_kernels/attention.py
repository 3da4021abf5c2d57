"""Attention, softmax(q k^T * scale + mask) v, a tile of scores at a time.

The matrix of all scores never exists. A block of queries meets one block of keys after the other
(Dao et al., FlashAttention, 2022): forward keeps the greatest score and the sum of exponentials of
every row up to date; backward computes the weights again, from the logarithms of those sums.

Operands are seen as (outer, heads, rows, columns), dense along columns. Where there are fewer heads
of keys and values than of queries, neighbouring heads of queries share them.
"""

import math

import numpy as np
from numba.extending import register_jitable

from .. import cpu_target, shapes
from ..array import Array, empty, initialise
from ..formulas import conversion, exponential
from ..formulas.accumulation import add, maximum
from .elementwise import apply
from .gemm import tile_columns
from .native import integer, read, real, scratch, stack, write
from .packed_product import packed, panels_bytes, part_multiplier

#: Multiplications that are worth a thread of their own.
GRAIN = 65536

#: A tile of scores: queries by keys. Its memory stays in the first-level cache.
QUERIES, KEYS = 32, 128

# Slots common to both directions: 0 heads of queries in a group, 1 heads of keys, 2 queries, 3 keys,
# 4 size of a query, 5 size of a value, 6 whether causal, 7 mask (0: none), 8 noise (0: none: what
# the weights are multiplied with), strides in bytes of the mask: 9 outer, 10 head, 11 query, 12 key.
# The last slot is the scale.


@register_jitable
def scaled_scores(row, count, scale, mask, mask_step, element):
    """Scale a row of scores and add the mask."""
    if mask == 0:
        for j in range(count):
            write(row, j, read(row, j, element) * scale)
    elif mask_step == 0:
        extra = read(mask, 0, element)
        for j in range(count):
            write(row, j, read(row, j, element) * scale + extra)
    else:
        for j in range(count):
            extra = read(mask + j * mask_step, 0, element)
            write(row, j, read(row, j, element) * scale + extra)


@register_jitable
def scaled_and_greatest(row, visible, whole, scale, mask, mask_step, lowest, element):
    """Scale a row of scores and add the mask; the greatest of the `visible` ones.

    Here and where exponentials are taken, loops run up to `whole`, a multiple of what the vectors
    hold: what is left over would be computed one by one.
    """
    greatest, last = lowest, np.int32(visible)
    if mask == 0:
        for j in range(whole):
            write(row, j, read(row, j, element) * scale)
    else:
        scaled_scores(row, visible, scale, mask, mask_step, element)
    for j in range(whole):
        value = read(row, j, element)
        greatest = maximum(greatest, value if np.int32(j) < last else lowest)
    return greatest


@register_jitable
def mask_row(arguments, outer, head, query, key):
    """Where the mask of a row of scores begins, from `key` on; 0 without a mask."""
    mask = integer(arguments, 7)
    if mask != 0:
        mask += outer * integer(arguments, 9) + head * integer(arguments, 10)
        mask += query * integer(arguments, 11) + key * integer(arguments, 12)
    return mask


@register_jitable
def visible_keys(arguments, query, first_key, count):
    """How many of `count` keys from `first_key` on a query may look at."""
    if integer(arguments, 6) == 0:
        return count
    return max(0, min(count, query + 1 - first_key))


def forward(element):
    """An item is a block of queries of one head.

    Slots from 13: q, its strides (outer, head, row), panels of k^T and of v and the bytes of a
    head's, out, its strides (outer, head, row), the logarithms of sums.
    """
    size, tile_width = element.bitwidth // 8, tile_columns(element)
    multiply = part_multiplier(element)
    row_numbers = scratch(2 * QUERIES, element)
    score_bytes, row_bytes = QUERIES * KEYS * element.bitwidth // 8, KEYS * element.bitwidth // 8

    def attention_kernel(begin, end, arguments):
        group, kv_heads = integer(arguments, 0), integer(arguments, 1)
        queries, keys = integer(arguments, 2), integer(arguments, 3)
        width, value_width = integer(arguments, 4), integer(arguments, 5)
        noise, q_row, out_row = (
            integer(arguments, 8), integer(arguments, 16), integer(arguments, 24),
        )  # fmt: skip
        scale = element(real(arguments, 26))
        lowest = element(-math.inf)
        blocks = (queries + QUERIES - 1) // QUERIES
        scores, numbers = stack(score_bytes), row_numbers()
        for item in range(begin, end):
            place, first = item // blocks, item % blocks * QUERIES
            outer, head = place // (kv_heads * group), place % (kv_heads * group)
            kv = outer * kv_heads + head // group
            rows = min(QUERIES, queries - first)
            q = integer(arguments, 13) + outer * integer(arguments, 14)
            q += head * integer(arguments, 15) + first * q_row
            k_panels = integer(arguments, 17) + kv * integer(arguments, 18)
            v_panels = integer(arguments, 19) + kv * integer(arguments, 20)
            out = integer(arguments, 21) + outer * integer(arguments, 22)
            out += head * integer(arguments, 23) + first * out_row
            for i in range(rows):
                numbers[i], numbers[QUERIES + i] = lowest, element(0)
            last = keys if integer(arguments, 6) == 0 else min(keys, first + rows)
            for block in range(0, last, KEYS):
                count = min(KEYS, last - block)
                whole = (count + tile_width - 1) // tile_width * tile_width
                multiply(
                    rows, whole, width, q, q_row, size, k_panels + block * width * size, width,
                    0, 0, scores, row_bytes,
                )  # fmt: skip
                for i in range(rows):
                    row = scores + i * row_bytes
                    visible = visible_keys(arguments, first + i, block, count)
                    mask = mask_row(arguments, outer, head, first + i, block)
                    before = numbers[i]
                    m = scaled_and_greatest(
                        row, visible, whole, scale, mask, integer(arguments, 12), lowest, element
                    )
                    m = maximum(before, m)
                    numbers[i] = m
                    shift = element(0) if m == lowest else m
                    part = element(0)
                    last_visible = np.int32(visible)
                    for j in range(whole):
                        e = exponential.exp(read(row, j, element) - shift)
                        e = e if np.int32(j) < last_visible else element(0)
                        part = add(part, e)
                        write(row, j, e)
                    factor = element(0)
                    if before != lowest:
                        factor = exponential.exp(before - shift)
                    numbers[QUERIES + i] = numbers[QUERIES + i] * factor + part
                    if noise != 0:
                        at = ((place * queries + first + i) * keys + block) * size + noise
                        for j in range(visible):
                            write(row, j, read(row, j, element) * read(at, j, element))
                    if block > 0:
                        for j in range(value_width):
                            write(
                                out + i * out_row, j, read(out + i * out_row, j, element) * factor
                            )
                multiply(
                    rows, value_width, count, scores, row_bytes, size,
                    v_panels + block * tile_width * size, keys,
                    0 if block == 0 else out, out_row, out, out_row,
                )  # fmt: skip
            for i in range(rows):
                total = numbers[QUERIES + i]
                hidden = total == 0  # there was no key to look at
                inverse = element(0) if hidden else element(1) / total
                for j in range(value_width):
                    value = element(0)
                    if not hidden:
                        value = read(out + i * out_row, j, element) * inverse
                    write(out + i * out_row, j, value)
                sums = element(math.inf) if hidden else numbers[i] + exponential.log(total)
                write(integer(arguments, 25), place * queries + first + i, sums)

    return attention_kernel


def backward(element):
    """An item is a head of keys and values, with all queries that look at it.

    Slots from 13: q, grad, output, then their strides (outer, head, row); the logarithms of sums;
    panels of k^T, v^T, k, q and grad and the bytes of a head's; gradients of q, k and v, then their
    strides (outer, head, row).
    """
    size, tile_width = element.bitwidth // 8, tile_columns(element)
    multiply = part_multiplier(element)
    score_bytes, row_bytes = QUERIES * KEYS * element.bitwidth // 8, KEYS * element.bitwidth // 8

    @register_jitable
    def place_of(arguments, operand, strides, outer, head):
        place = integer(arguments, operand) + outer * integer(arguments, strides)
        return place + head * integer(arguments, strides + 1)

    @register_jitable
    def panels_of(arguments, slot, head):
        return integer(arguments, slot) + head * integer(arguments, slot + 1)

    @register_jitable
    def clear(x, row_stride, rows, columns):
        for i in range(rows):
            for j in range(columns):
                write(x + i * row_stride, j, element(0))

    def attention_gradient_kernel(begin, end, arguments):
        group, kv_heads = integer(arguments, 0), integer(arguments, 1)
        queries, keys = integer(arguments, 2), integer(arguments, 3)
        width, value_width = integer(arguments, 4), integer(arguments, 5)
        noise, heads = integer(arguments, 8), integer(arguments, 0) * integer(arguments, 1)
        q_row, grad_row, output_row = (
            integer(arguments, 18), integer(arguments, 21), integer(arguments, 24),
        )  # fmt: skip
        grad_q_row, grad_k_row, grad_v_row = (
            integer(arguments, 41), integer(arguments, 44), integer(arguments, 47),
        )  # fmt: skip
        scale = element(real(arguments, 48))
        weights, gradients = stack(score_bytes), stack(score_bytes)
        for kv in range(begin, end):
            outer, kv_head = kv // kv_heads, kv % kv_heads
            kt_panels, vt_panels = panels_of(arguments, 26, kv), panels_of(arguments, 28, kv)
            k_panels = panels_of(arguments, 30, kv)
            grad_k = place_of(arguments, 37, 42, outer, kv_head)
            grad_v = place_of(arguments, 38, 45, outer, kv_head)
            clear(grad_k, grad_k_row, keys, width)
            clear(grad_v, grad_v_row, keys, value_width)
            for head in range(kv_head * group, (kv_head + 1) * group):
                place = outer * heads + head
                q_panels = panels_of(arguments, 32, place)
                grad_panels = panels_of(arguments, 34, place)
                for first in range(0, queries, QUERIES):
                    rows = min(QUERIES, queries - first)
                    q = place_of(arguments, 13, 16, outer, head) + first * q_row
                    grad = place_of(arguments, 14, 19, outer, head) + first * grad_row
                    output = place_of(arguments, 15, 22, outer, head) + first * output_row
                    grad_q = place_of(arguments, 36, 39, outer, head) + first * grad_q_row
                    clear(grad_q, grad_q_row, rows, width)
                    last = keys if integer(arguments, 6) == 0 else min(keys, first + rows)
                    for block in range(0, last, KEYS):
                        count = min(KEYS, last - block)
                        whole = (count + tile_width - 1) // tile_width * tile_width
                        multiply(
                            rows, whole, width, q, q_row, size, kt_panels + block * width * size,
                            width, 0, 0, weights, row_bytes,
                        )  # fmt: skip
                        multiply(
                            rows, whole, value_width, grad, grad_row, size,
                            vt_panels + block * value_width * size, value_width,
                            0, 0, gradients, row_bytes,
                        )  # fmt: skip
                        for i in range(rows):
                            row, grads = weights + i * row_bytes, gradients + i * row_bytes
                            visible = visible_keys(arguments, first + i, block, count)
                            mask = mask_row(arguments, outer, head, first + i, block)
                            step = integer(arguments, 12)
                            sums = read(
                                integer(arguments, 25), place * queries + first + i, element
                            )
                            mean = element(0)  # of the weights' gradients, by weight
                            for j in range(value_width):
                                g = read(grad + i * grad_row, j, element)
                                mean = add(mean, g * read(output + i * output_row, j, element))
                            if noise == 0 and mask == 0:
                                last_visible = np.int32(visible)
                                for j in range(whole):
                                    w = exponential.exp(read(row, j, element) * scale - sums)
                                    g = read(grads, j, element) - mean
                                    if np.int32(j) >= last_visible:
                                        w, g = element(0), element(0)
                                    write(row, j, w)
                                    write(grads, j, w * g * scale)
                                continue
                            scaled_scores(row, visible, scale, mask, step, element)
                            if noise == 0:
                                for j in range(visible):
                                    w = exponential.exp(read(row, j, element) - sums)
                                    write(row, j, w)
                                    g = read(grads, j, element) - mean
                                    write(grads, j, w * g * scale)
                            else:
                                at = ((place * queries + first + i) * keys + block) * size + noise
                                for j in range(visible):
                                    w = exponential.exp(read(row, j, element) - sums)
                                    dropped = read(at, j, element)
                                    write(row, j, w * dropped)
                                    g = read(grads, j, element) * dropped - mean
                                    write(grads, j, w * g * scale)
                            for j in range(visible, count):
                                write(row, j, element(0))
                                write(grads, j, element(0))
                        multiply(
                            rows, width, count, gradients, row_bytes, size,
                            k_panels + block * tile_width * size, keys,
                            grad_q, grad_q_row, grad_q, grad_q_row,
                        )  # fmt: skip
                        here = grad_k + block * grad_k_row
                        multiply(
                            count, width, rows, gradients, size, row_bytes,
                            q_panels + first * tile_width * size, queries,
                            here, grad_k_row, here, grad_k_row,
                        )  # fmt: skip
                        here = grad_v + block * grad_v_row
                        multiply(
                            count, value_width, rows, weights, size, row_bytes,
                            grad_panels + first * tile_width * size, queries,
                            here, grad_v_row, here, grad_v_row,
                        )  # fmt: skip

    return attention_gradient_kernel


# Host functions ---------------------------------------------------------------------------------


def _heads(x):
    """x as (outer, heads, rows, columns), dense along columns: x itself, or a copy."""
    *leading, heads, rows, columns = (1, 1, *x.shape)[-max(4, len(x.shape)) :]
    shape = shapes.Size((shapes.numel(leading), heads, rows, columns))
    strides = shapes.view_strides(x.shape, x.strides, shape)
    if strides is None or (strides[-1] != 1 and columns > 1):
        copy = empty(x.shape, x.dtype)
        apply(conversion.identity, copy, x)
        x, strides = copy, shapes.contiguous_strides(shape)
    return initialise(Array(), x.storage, x.dtype, shape, strides, x.offset)


def _transposed(x):
    shape, strides = x.shape, x.strides
    return initialise(
        Array(), x.storage, x.dtype, shapes.Size((*shape[:-2], shape[-1], shape[-2])),
        (*strides[:-2], strides[-1], strides[-2]), x.offset,
    )  # fmt: skip


def _mask_slots(mask, shape, scores_shape):
    """(Array that must live on, address, strides in bytes) of a mask that broadcasts to scores."""
    if mask is None:
        return None, (0, 0, 0, 0, 0)
    strides = shapes.broadcast_strides(mask.shape, mask.strides, scores_shape)
    strides = shapes.view_strides(scores_shape, strides, shape)
    if strides is None:
        copy = empty(scores_shape, mask.dtype)
        apply(conversion.identity, copy, mask)
        mask, strides = copy, shapes.contiguous_strides(shape)
    return mask, (mask.address, *(stride * mask.dtype.itemsize for stride in strides))


def _common(query, key, value, mask, noise, scores_shape, causal):
    """(slots 0 to 12, what must live until the launch)"""
    outer, heads, queries, width = query.shape
    kv_heads, keys = key.shape[1], key.shape[2]
    scores = shapes.Size((outer, heads, queries, keys))
    mask, mask_slots = _mask_slots(mask, scores, scores_shape)
    slots = (
        heads // max(kv_heads, 1), kv_heads, queries, keys, width, value.shape[-1], int(causal),
        mask_slots[0], 0 if noise is None else noise.address, *mask_slots[1:],
    )  # fmt: skip
    return slots, mask


def _strides(x):
    """Strides in bytes of outer, heads and rows."""
    return [stride * x.dtype.itemsize for stride in x.strides[:3]]


def _panels(x):
    """(address, bytes of a head's) of panels, and the panels, which must live until the launch."""
    panels = packed(x)
    return panels, (panels.address, panels_bytes(*x.shape[2:], x.dtype))


def attention(output, logarithms, query, key, value, mask, noise, scale, causal):
    """output = (softmax(query key^T * scale + mask) * noise) value, and the logarithm of the sum of
    exponentials of every row of scores, infinite where there is nothing to look at.

    (..., heads, L, E), (..., kv_heads, S, E), (..., kv_heads, S, V); `mask` broadcasts to the
    scores, `noise` is dense and has their shape; both may be None.
    """
    if 0 in output.shape:
        return
    scores_shape = (*query.shape[:-1], key.shape[-2])
    query, key, value, output = _heads(query), _heads(key), _heads(value), _heads(output)
    slots, mask = _common(query, key, value, mask, noise, scores_shape, causal)
    k_panels, k_slots = _panels(_transposed(key))
    v_panels, v_slots = _panels(value)
    outer, heads, queries, width = query.shape
    work = QUERIES * key.shape[2] * (width + value.shape[-1])
    kernel = cpu_target.specialise(forward, query.dtype.numba)
    kernel(
        outer * heads * -(-queries // QUERIES), GRAIN // max(work, 1) + 1, *slots, query.address,
        *_strides(query), *k_slots, *v_slots, output.address, *_strides(output),
        logarithms.address, reals=(scale,),
    )  # fmt: skip


def attention_gradient(
    grad_query, grad_key, grad_value, grad, query, key, value, mask, noise, output, logarithms,
    scale, causal,
):  # fmt: skip
    """The gradients of attention for query, key and value; `logarithms` as attention gave them."""
    scores_shape = (*query.shape[:-1], key.shape[-2])
    results = [_heads(x) for x in (grad_query, grad_key, grad_value)]
    query, key, value, grad, output = (_heads(x) for x in (query, key, value, grad, output))
    slots, mask = _common(query, key, value, mask, noise, scores_shape, causal)
    panels = [_panels(x) for x in (_transposed(key), _transposed(value), key, query, grad)]
    outer, heads, queries, width = query.shape
    kv_heads = key.shape[1]
    work = heads // max(kv_heads, 1) * queries * key.shape[2] * (width + value.shape[-1])
    kernel = cpu_target.specialise(backward, query.dtype.numba)
    kernel(
        outer * kv_heads, GRAIN // max(work, 1) + 1, *slots,
        query.address, grad.address, output.address, *_strides(query), *_strides(grad),
        *_strides(output), logarithms.address,
        *[slot for _, pair in panels for slot in pair],
        *[x.address for x in results], *[stride for x in results for stride in _strides(x)],
        reals=(scale,),
    )  # fmt: skip

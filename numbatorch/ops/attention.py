"""Scaled dot product attention: one op that never holds the matrix of all scores."""

import math

from .. import devices, dtypes, graph, shapes
from ..graph import modes
from ..op import Spec, primitive, same_launches
from .autocast import lower_precision
from .composed import composed_gradient
from .copying import fresh_full
from .dropout import dropout_noise
from .matmul import matmul
from .registry import Sample, function, samples
from .softmax import softmax
from .views import transpose


@primitive(
    name="attention",
    materialize_grads=False,
    node_name="ScaledDotProductFlashAttentionForCpuBackward0",
)
def attention_op(query, key, value, mask, noise, *, scale, causal):
    """(softmax(query key^T * scale + mask) * noise) value, and what its gradient needs of the sums.

    (..., heads, L, E), (..., kv_heads, S, E), (..., kv_heads, S, V). `mask` broadcasts to the
    scores, `noise` has their shape; both may be None.
    """
    *leading, length, width = query.shape
    scores = shapes.Size((*leading, length, key.shape[-2]))
    shared = leading and leading[-1] and key.shape[:-2] != query.shape[:-2]
    if shared and (not key.shape[-3] or leading[-1] % key.shape[-3]):
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in query"
        )
    outer = len(leading) - 1
    fits = key.shape[:outer] == query.shape[:outer] if outer > 0 else True
    if not fits or key.shape[:-1] != value.shape[:-1] or key.shape[-1] != width:
        raise RuntimeError(
            f"attention: query {list(query.shape)}, key {list(key.shape)} and value "
            f"{list(value.shape)} do not fit each other"
        )
    if mask is not None and shapes.broadcast_shapes(mask.shape, scores) != scores:
        raise RuntimeError(
            f"The expanded size of the mask {list(mask.shape)} must match {list(scores)}"
        )
    shape = (*leading, length, value.shape[-1])
    return Spec(shape, query.dtype, _order_of(query, shape)), Spec(scores[:-1], query.dtype)


def _order_of(x, shape):
    """Strides for an output of `shape`, its dimensions in the order of x's in memory, or None."""
    if len(shape) > 4 or shapes.has_overlap(x.shape, x.strides):
        return None
    strides = shapes.strides_like(shape, x.strides)
    return strides if strides[-1] == 1 else None  # kernels write along columns


@attention_op.forward
def _(outputs, *inputs, scale, causal):
    devices.kernels(outputs[0]).attention.attention(*outputs, *inputs, scale, causal)


@attention_op.gradient()
def _(grads, inputs, outputs, needs, params):
    grads = grads[:1]  # nothing else leaves the function
    if modes.grad_enabled:
        return composed_gradient(_outputs_composed, grads, inputs, needs, params)
    query, key, value, mask, noise = inputs
    found = attention_gradient.call((*grads, query, key, value, mask, noise, *outputs), params)
    return (*found, None, None)


@primitive
def attention_gradient(grad, query, key, value, mask, noise, output, logarithms, *, scale, causal):
    """The gradients of query, key and value; the mask has none here."""
    return [Spec(x.shape, x.dtype, _order_of(x, x.shape)) for x in (query, key, value)]


@attention_gradient.forward
def _(outputs, *inputs, scale, causal):
    devices.kernels(inputs[0]).attention.attention_gradient(*outputs, *inputs, scale, causal)


same_launches(attention_op, attention_gradient, parts=True)


# The same, composed ------------------------------------------------------------------------------


def composed_attention(query, key, value, mask, noise, *, scale, causal):
    """What attention_op gives first, in differentiable ops, for every dtype; the mask as well."""
    if key.shape[:-2] != query.shape[:-2]:
        key, value = (x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value))
    root = math.sqrt(abs(scale))  # half of the scale on either side keeps the products in range
    query, key = query * math.copysign(root, scale), key * root
    scores = matmul(query, transpose(key, -2, -1))
    if causal:
        size, place = scores.shape[-2:], devices.of(scores)
        seen = fresh_full(size, True, dtypes.bool_, place).tril()
        scores = scores.masked_fill(seen.logical_not(), -math.inf)
    if mask is not None:
        scores = scores + mask
    if mask is None:
        weights = softmax(scores, -1)
    else:  # rows with nothing to look at are zeros, not NaN, and so are their gradients
        hidden = (scores == -math.inf).all(-1, keepdim=True)
        weights = softmax(scores.masked_fill(hidden, 0.0), -1).masked_fill(hidden, 0.0)
    if noise is not None:
        weights = weights * noise
    return matmul(weights, value)


def _outputs_composed(*inputs, **params):
    return (composed_attention(*inputs, **params),)


# Public ------------------------------------------------------------------------------------------


@function(method=False, top_level=False)
@lower_precision
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query key^T / sqrt(E) + mask) value; (..., L, E), (..., S, E), (..., S, Ev).

    A boolean mask is True where attention is allowed; another one is added to the scores.
    """
    _check(query, key, value)
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    query, key, value = _with_common_batches(query, key, value, enable_gqa)
    mask = attn_mask
    if mask is not None and mask.dtype is dtypes.bool_:
        closed = fresh_full((), 0, query.dtype, devices.of(query)).expand(mask.shape)
        mask = closed.masked_fill(mask.logical_not(), -math.inf)
    scale = 1.0 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    noise = None
    if dropout_p > 0.0:
        scores = shapes.Size((*query.shape[:-1], key.shape[-2]))
        noise = dropout_noise(scores, query.dtype, devices.of(query), dropout_p)
    inputs, params = (query, key, value, mask, noise), {"scale": scale, "causal": is_causal}
    if _has_kernel(query, mask):
        return attention_op(*inputs, **params)[0]
    return composed_attention(*inputs, **params)


def _has_kernel(query, mask):
    """Whether the kernels compute in a dtype, and the gradients that are wanted."""
    if query.dtype not in (dtypes.float32, dtypes.float64) or 0 in query.shape:
        return False
    if mask is None:
        return True
    return mask.dtype is query.dtype and graph.edge_of(mask) is None


def _check(query, key, value):
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if len(tensor.shape) < 2:
            raise RuntimeError(
                "Expected query, key, and value to all be  at least 2 dimensional, but got "
                f"{name} of shape {list(tensor.shape)}"
            )
        if tensor.dtype is not query.dtype:
            raise RuntimeError(
                "Expected query, key, and value to have the same dtype, but got query.dtype: "
                f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
            )


def _with_common_batches(query, key, value, grouped):
    """The operands with equal leading dimensions, save for the heads where they are grouped."""
    operands = (query, key, value)
    if grouped and query.shape[-3] % key.shape[-3] == 0 == query.shape[-3] % value.shape[-3]:
        if key.shape[-3] != value.shape[-3]:
            return _with_common_batches(
                query,
                *(x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value)),
                False,
            )
        kept = 3
    else:
        kept = 2
    batch = ()
    for x in operands:
        batch = shapes.broadcast_shapes(batch, x.shape[:-kept])
    return tuple(
        x if x.shape[:-kept] == batch else x.expand(*batch, *x.shape[-kept:]) for x in operands
    )


# Samples for the op table ------------------------------------------------------------------------


@samples("scaled_dot_product_attention")
def _(make):
    yield Sample(make(4, 3), make(5, 3), make(5, 2))
    yield Sample(make(2, 3, 4, 3), make(2, 3, 5, 3), make(2, 3, 5, 4), is_causal=True)
    yield Sample(make(2, 4, 3, 2), make(2, 2, 3, 2), make(2, 2, 3, 2), enable_gqa=True, scale=-0.7)
    yield Sample(make(2, 3, 2), make(1, 4, 2), make(2, 4, 2), make(3, 4))
    mask = make(2, 1, 1, 4, dtype=dtypes.bool_)
    yield Sample(make(2, 2, 3, 2), make(2, 2, 4, 2), make(2, 2, 4, 2), mask)
    fixed = make(3, 4, requires_grad=False)
    yield Sample(make(2, 2, 3, 2), make(2, 2, 4, 2), make(2, 2, 4, 2), fixed)
    yield Sample(make(2, 0, 3), make(2, 4, 3), make(2, 4, 3))
    yield Sample(make(2, 3, 3), make(2, 0, 3), make(2, 0, 3))

"""Attention."""

import math
import warnings

from numbatorch import creation, dtypes, ops
from numbatorch.nn.functional.dropout import dropout
from numbatorch.ops import scaled_dot_product_attention
from numbatorch.tensor import Tensor


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Multi-head attention, Vaswani et al. (2017), with sequences first: (L, N, E) or (L, E).

    Returns the output and, with ``need_weights``, the attention weights (N, L, S).
    """
    batched = _check_attention_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    if embed_dim != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}"
        )
    if embed_dim % num_heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. "
            "You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask"
    )
    attn_mask = _canonical_mask(attn_mask, "attn_mask", query.dtype)
    if attn_mask is not None:
        attn_mask = _check_attention_mask(attn_mask, length, key.size(0), batch * num_heads)

    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        queries, keys, values = _project_separately(query, key, value, weights, in_proj_bias)
    else:
        queries, keys, values = _project_packed(query, key, value, in_proj_weight, in_proj_bias)
    extra_positions = 0
    if (bias_k is None) != (bias_v is None):
        missing, present = ("bias_v", "bias_k") if bias_v is None else ("bias_k", "bias_v")
        raise AssertionError(f"{present} is set but {missing} is None")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        keys = ops.cat([keys, bias_k.repeat(1, batch, 1)])
        values = ops.cat([values, bias_v.repeat(1, batch, 1)])
        extra_positions += 1

    heads = (batch, num_heads)
    queries = _split_heads(queries, num_heads)
    keys = _split_heads(keys, num_heads) if static_k is None else static_k.unflatten(0, heads)
    values = _split_heads(values, num_heads) if static_v is None else static_v.unflatten(0, heads)
    if add_zero_attn:
        zeros = creation.zeros((*heads, 1, keys.size(-1)), dtype=keys.dtype, device=keys.device)
        keys, values = ops.cat([keys, zeros], 2), ops.cat([values, zeros], 2)
        extra_positions += 1
    mask = _join_masks(attn_mask, key_padding_mask, extra_positions, num_heads)
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.unflatten(0, heads)
    hinted = is_causal and key_padding_mask is None and not need_weights
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        output, weights = _attend(queries, keys, values, mask, dropout_p)
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        mask, weights = None if hinted else mask, None
        output = scaled_dot_product_attention(queries, keys, values, mask, dropout_p, hinted)
    # sequences first in memory too, as in PyTorch: dropout draws in the order of memory
    output = output.permute(2, 0, 1, 3).flatten(2)
    output = ops.linear(output, out_proj_weight, out_proj_bias)
    if not batched:
        output = output.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)
    return output, weights


def _attend(queries, keys, values, mask, dropout_p) -> tuple[Tensor, Tensor]:
    """(output, weights) of attention over (N, heads, L, E)."""
    scores = ops.matmul(queries * math.sqrt(1.0 / queries.size(-1)), keys.transpose(-2, -1))
    weights = ops.softmax(scores if mask is None else scores + mask, -1)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return ops.matmul(weights, values), weights


def _split_heads(tensor: Tensor, heads: int) -> Tensor:
    """(L, N, E) as (N, heads, L, E / heads)."""
    return tensor.unflatten(-1, (heads, tensor.size(-1) // heads)).permute(1, 2, 0, 3)


def _project(input: Tensor, weight: Tensor, bias: Tensor | None, count: int = 1):
    """The affine map of (L, N, E), without a copy where the batch comes first in memory.

    With `count`, a tuple of so many parts of the last dimension.
    """
    flipped = input.transpose(0, 1)
    flips = flipped.is_contiguous() and not input.is_contiguous()
    output = ops.linear(flipped if flips else input, weight, bias)
    parts = output.chunk(count, -1) if count > 1 else (output,)
    parts = tuple(part.transpose(0, 1) for part in parts) if flips else parts
    return parts if count > 1 else parts[0]


def _project_packed(query, key, value, weight, bias) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values by one weight (3 E, E): as few products as inputs differ."""
    if key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    features = query.size(-1)
    if key is value:
        if query is key:
            return _project(query, weight, bias, 3)
        query_weight, rest = weight.split([features, 2 * features])
        query_bias, rest_bias = (
            (None, None) if bias is None else bias.split([features, 2 * features])
        )
        queries = _project(query, query_weight, query_bias)
        return queries, *_project(key, rest, rest_bias, 2)
    return _project_separately(query, key, value, weight.chunk(3), bias)


def _project_separately(query, key, value, weights, bias) -> tuple[Tensor, Tensor, Tensor]:
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    for name, weight in zip("qkv", weights):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return tuple(map(_project, (query, key, value), weights, biases))


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    target_type,
    other_mask: Tensor | None = None,
    other_name: str = "",
) -> Tensor | None:
    """The mask as numbers to add to scores: -inf where a boolean mask is True."""
    if mask is None:
        return None
    if mask.dtype != dtypes.bool_ and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if other_mask is not None and other_mask.dtype != mask.dtype:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return creation.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _join_masks(attn_mask, key_padding_mask, extra_positions: int, heads: int) -> Tensor | None:
    """One mask (1 or N * heads, L or 1, S); added key positions are open to all."""
    if extra_positions:
        if attn_mask is not None:
            attn_mask = ops.pad(attn_mask, (0, extra_positions))
        if key_padding_mask is not None:
            key_padding_mask = ops.pad(key_padding_mask, (0, extra_positions))
    if key_padding_mask is None:
        return attn_mask
    batch, positions = key_padding_mask.shape
    padding = key_padding_mask.reshape(batch, 1, 1, positions).expand(-1, heads, -1, -1)
    padding = padding.reshape(batch * heads, 1, positions)
    return padding if attn_mask is None else attn_mask + padding


def _check_attention_mask(mask: Tensor, length: int, source_length: int, heads: int) -> Tensor:
    """The mask in three dimensions; RuntimeError where its shape does not fit."""
    expected = (length, source_length) if mask.dim() == 2 else (heads, length, source_length)
    if mask.dim() not in (2, 3):
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    if tuple(mask.shape) != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _check_attention_shapes(query, key, value, key_padding_mask, attn_mask, heads: int) -> bool:
    """Whether the inputs are batched; AssertionError where their numbers of dims disagree."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.dim()}-D query tensor"
        )
    batched = query.dim() == 3
    kind = "batched" if batched else "unbatched"
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"For {kind} ({query.dim()}-D) `query`, expected `key` and `value` to be "
            f"{query.dim()}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None:
        if key_padding_mask.dim() != query.dim() - 1:
            raise AssertionError(
                f"For {kind} ({query.dim()}-D) `query`, expected `key_padding_mask` to be `None` "
                f"or {query.dim() - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
            )
        expected = (key.size(1), key.size(0)) if batched else (key.size(0),)
        if tuple(key_padding_mask.shape) != expected:
            raise AssertionError(
                f"Expected key_padding_mask to have shape {expected}, "
                f"but got {tuple(key_padding_mask.shape)}"
            )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} ({query.dim()}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D "
            f"but found {attn_mask.dim()}-D tensor instead"
        )
    if not batched and attn_mask is not None and attn_mask.dim() == 3:
        expected = (heads, query.size(0), key.size(0))
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}"
            )
    return batched

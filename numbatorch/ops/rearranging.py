"""Elements in another order, or several times: flip, roll, pad, repeat_interleave."""

import operator

import numpy as np

from .. import devices, dtypes, graph
from ..formulas import combining
from ..op import Spec, copy_values, primitive
from ..shapes import Size, as_indices, wrap_dim
from . import lookup, scalars
from .indexing import index_op
from .registry import Sample, function, samples
from .views import expand_op, reshape, transpose, unsqueeze


def _read(out, input, indices):
    """out = input with, along some dimensions, the elements at `indices` (dimension -> array)."""
    view, offsets = lookup.find_grid(input, indices)
    devices.kernels(out).indexing.read(out, view, offsets)


# flip and roll ------------------------------------------------------------------------------------


@primitive(name="flip")
def flip_op(input, *, dims):
    """Dimensions in reverse."""
    return Spec(input.shape, input.dtype)


@flip_op.forward
def _(out, input, *, dims):
    _read(out, input, {d: np.arange(input.shape[d])[::-1] for d in dims})


@flip_op.gradient("input")
def _(grad, dims):
    return flip_op(grad, dims=dims)


@function
def flip(input, *axes, dims=None):
    """A copy with the order of the elements reversed along `dims`."""
    dims = axes if dims is None else dims
    dims = dims[0] if len(dims) == 1 and isinstance(dims[0], list | tuple) else dims
    wrapped = tuple([wrap_dim(d, len(input.shape)) for d in dims])
    for d in wrapped:
        if wrapped.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return flip_op(input, dims=wrapped if input.shape else ())


@function
def fliplr(input):
    """`flip` from left to right, along dimension 1."""
    if len(input.shape) < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip_op(input, dims=(1,))


@function
def flipud(input):
    """`flip` upside down, along dimension 0."""
    if len(input.shape) < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip_op(input, dims=(0,))


@function
def rot90(input, k=1, dims=(0, 1)):
    """A copy turned by k right angles in the plane of two dimensions."""
    rank = len(input.shape)
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if rank < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {rank}")
    first, second = [wrap_dim(d, rank) for d in dims]
    if first == second:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    k = operator.index(k) % 4
    flipped = {0: (), 1: (second,), 2: (first, second), 3: (first,)}[k]
    result = flip_op(input, dims=flipped)
    return transpose(result, first, second) if k % 2 else result


@primitive(name="roll")
def roll_op(input, *, shifts, dims):
    """Dimensions shifted in a circle."""
    return Spec(input.shape, input.dtype)


@roll_op.forward
def _(out, input, *, shifts, dims):
    moved = {}
    for shift, d in zip(shifts, dims):
        moved[d] = moved.get(d, 0) + shift
    sizes = input.shape
    _read(
        out,
        input,
        {d: (np.arange(sizes[d]) - shift) % max(sizes[d], 1) for d, shift in moved.items()},
    )


@roll_op.gradient("input")
def _(grad, shifts, dims):
    return roll_op(grad, shifts=tuple([-shift for shift in shifts]), dims=dims)


@function
def roll(input, shifts, dims=None):
    """A copy with dimensions shifted in a circle; without `dims`, all elements as one row."""
    shifts = as_indices(shifts)
    dims = () if dims is None else as_indices(dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims:
        if len(shifts) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        flat = roll_op(reshape(input, (-1,)), shifts=shifts, dims=(0,))
        return reshape(flat, input.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    if not input.shape:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    wrapped = tuple([wrap_dim(d, len(input.shape)) for d in dims])
    return roll_op(input, shifts=shifts, dims=wrapped)


# Repetition of elements ---------------------------------------------------------------------------


@function
def repeat_interleave(input=None, repeats=None, dim=None, *, output_size=None):
    """Every element, or slice along `dim`, several times in a row; `repeats` says how often."""
    if input is None or repeats is None:  # torch.repeat_interleave(repeats)
        repeats = repeats if input is None else input
        return _interleaved(repeats, repeats, "repeats")
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    dim = wrap_dim(dim, len(input.shape))
    input = input if input.shape else reshape(input, (1,))
    if not isinstance(repeats, graph.Value):
        return _interleave_evenly(input, _checked_count(repeats), dim)
    if repeats.shape in ((), (1,)):
        return _interleave_evenly(input, _checked_count(repeats.item()), dim)
    if repeats.shape != input.shape[dim : dim + 1]:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{repeats.shape[0]} and input.size({dim}) = {input.shape[dim]}"
        )
    return index_op(input, _interleaved(repeats, input, "repeats"), dims=(dim,))


def _checked_count(repeats):
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    return int(repeats)


def _interleave_evenly(input, count, dim):
    wide = unsqueeze(input, dim + 1)
    size = Size((*wide.shape[: dim + 1], count, *wide.shape[dim + 2 :]))
    merged = (*input.shape[:dim], input.shape[dim] * count, *input.shape[dim + 1 :])
    return reshape(expand_op(wide, size=size), merged)


def _interleaved(repeats, like, name):
    """0 repeated repeats[0] times, 1 repeats[1] times and so on."""
    if len(repeats.shape) != 1:
        raise RuntimeError(f"repeat_interleave only accept 1D vector as {name}")
    if repeats.dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(f"{name} has to be Long or Int tensor")
    counts = np.asarray(repeats.tolist(), np.int64)
    if (counts < 0).any():
        raise RuntimeError(f"{name} can not be negative")
    return lookup.index_tensor(np.repeat(np.arange(counts.size), counts), like)


# Padding ------------------------------------------------------------------------------------------


@primitive(name="constant_pad", node_name="ConstantPadNdBackward0")
def constant_pad_op(input, *, pads, value):
    """`value` put before and after every dimension, or elements taken away where a pad is negative."""
    sizes = [size + before + after for size, (before, after) in zip(input.shape, pads)]
    for d, size in enumerate(sizes):
        if size < 0:
            raise RuntimeError(
                f"The input size {input.shape[d]}, plus negative padding {pads[d][0]} and "
                f"{pads[d][1]}, resulted in a negative output size, which is invalid. Check "
                f"dimension {d} of your input."
            )
    return Spec(sizes, input.dtype)


@constant_pad_op.forward
def _(out, input, *, pads, value):
    place = devices.of(out)
    if any(before > 0 or after > 0 for before, after in pads):
        copy_values(out, scalars.constant(value, out.dtype, place))
    shape, at, source_at = [], out.offset, input.offset
    for d, (before, after) in enumerate(pads):
        shape.append(input.shape[d] + min(before, 0) + min(after, 0))
        at += max(before, 0) * out.strides[d]
        source_at += max(-before, 0) * input.strides[d]
    if min(shape, default=1) > 0:
        shape = Size(shape)
        part = graph.alias(input, shape, input.strides, source_at)
        copy_values(graph.alias(out, shape, out.strides, at), part)


@constant_pad_op.gradient("input")
def _(grad, pads):
    opposite = tuple([(-before, -after) for before, after in pads])
    return constant_pad_op(grad, pads=opposite, value=0)


def _reflected(size, before, after):
    """Positions outside mirrored at the first and last element, which are not repeated."""
    return size - 1 - np.abs(size - 1 - np.abs(np.arange(-before, size + after)))


def _replicated(size, before, after):
    return np.clip(np.arange(-before, size + after), 0, size - 1)


def _circular(size, before, after):
    """Positions in a circle of the elements that negative padding leaves."""
    first = max(-before, 0)
    left = size - first - max(-after, 0)
    return first + np.arange(-max(before, 0), left + max(after, 0)) % left


_MODES = {"reflect": _reflected, "replicate": _replicated, "circular": _circular}


def _source_indices(shape, pads, mode):
    """For every padded dimension, which element of the input each element of the output is."""
    return {
        d: _MODES[mode](shape[d], before, after)
        for d, (before, after) in enumerate(pads)
        if before or after
    }


@primitive(name="pad")
def pad_op(input, *, pads, mode):
    """Elements of the input repeated before and after every dimension."""
    return Spec(
        [size + before + after for size, (before, after) in zip(input.shape, pads)], input.dtype
    )


@pad_op.forward
def _(out, input, *, pads, mode):
    _read(out, input, _source_indices(input.shape, pads, mode))


@pad_op.gradient("input")
def _(grad, input_shape, pads, mode):
    return pad_gradient(grad, size=input_shape, pads=pads, mode=mode)


@primitive
def pad_gradient(grad, *, size, pads, mode):
    """`grad` added up where its elements came from."""
    return Spec(size, grad.dtype)


@pad_gradient.forward
def _(out, grad, *, size, pads, mode):
    copy_values(out, scalars.constant(0, out.dtype, devices.of(out)))
    view, offsets = lookup.find_grid(out, _source_indices(size, pads, mode))
    devices.kernels(out).indexing.write(view, grad, offsets, combining.add)


@pad_gradient.gradient("grad")
def _(grad, pads, mode):
    return pad_op(grad, pads=pads, mode=mode)


@function(method=False)
def pad(input, pad, mode="constant", value=None):
    """`input` with elements put before and after its last dimensions.

    `pad` is (before, after) of the last dimension, then of the one before it, and so on; negative
    ones take elements away. `mode` is constant, reflect, replicate or circular.
    """
    pad = [int(count) for count in pad]
    rank = len(input.shape)
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    padded = len(pad) // 2
    if padded > rank:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {rank}"
        )
    pairs = list(zip(pad[::2], pad[1::2]))
    pads = tuple([(0, 0)] * (rank - padded) + pairs[::-1])
    if mode == "constant":
        return constant_pad_op(input, pads=pads, value=0 if value is None else value)
    if mode not in _MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value not in (None, 0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if not (1 <= padded <= 3 and rank in (padded + 1, padded + 2)):
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now"
        )
    for size, (before, after) in zip(input.shape, pads):
        _check_pad(mode, size, before, after)
    return pad_op(input, pads=pads, mode=mode)


def _check_pad(mode, size, before, after):
    if not (before or after):
        return
    most = max(before, after)
    if mode == "reflect" and most >= size:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, {after}) at a dimension of size {size}"
        )
    if mode == "circular" and most > size:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    circular = mode == "circular"
    if min(size, size + before + after) <= 0 or circular and min(size + before, size + after) <= 0:
        raise RuntimeError(
            f"padding ({before}, {after}) of a dimension of size {size} leaves nothing"
        )


# Samples ------------------------------------------------------------------------------------------


@samples("flip")
def _(make):
    yield Sample(make(2, 3, 4), (0, 2))
    yield Sample(make(3), 0)
    yield Sample(make(0, 3), 0)


@samples("rot90")
def _(make):
    for k in (1, 2, 3):
        yield Sample(make(2, 3), k)


@samples("roll")
def _(make):
    yield Sample(make(2, 3, 4), (1, -5), (0, 2))
    yield Sample(make(3, 4), 5)


@samples("repeat_interleave")
def _(make):
    yield Sample(make(2, 3), 2)
    yield Sample(make(2, 3), 2, 1)
    yield Sample(make(2, 3), make.tensor([1, 0, 2]), -1)


@samples("pad")
def _(make):
    yield Sample(make(3, 4), (1, 2, 0, 1), value=0.5)
    yield Sample(make(3, 4), (-1, 2))
    for mode in ("reflect", "replicate", "circular"):
        yield Sample(make(2, 4), (2, 1), mode)
        yield Sample(make(2, 4, 3), (1, 2, 0, 3), mode)
        yield Sample(make(1, 1, 3, 4, 3), (1, 0, 0, 2, 1, 1), mode)

"""Convolutions and transposed convolutions in one to three dimensions.

Forward, input gradient and weight gradient are three ops, each linear in both operands, whose
gradients are the other two: that is all that second and higher order need. A transposed convolution
is the input gradient read forward.
"""

import operator

from .. import devices, dtypes, shapes
from ..op import Spec, primitive, same_launches, scalar_name
from .arithmetic import add, conj_of
from .autocast import lower_precision
from .registry import Sample, function, samples
from .views import narrow, reshape, unsqueeze

# The three ops -----------------------------------------------------------------------------------


def _channels_first(value, rank):
    """A per-channel vector that broadcasts over `rank` spatial dimensions."""
    return reshape(value, (value.shape[0], *[1] * rank))


@primitive
def convolution(input, weight, bias, *, stride, padding, dilation, groups):
    """The convolution of a batch of images, plus `bias` (or None) a channel."""
    sizes = output_sizes(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    return Spec((input.shape[0], weight.shape[0], *sizes), input.dtype)


@convolution.forward
def _(out, input, weight, bias, *, stride, padding, dilation, groups):
    devices.kernels(out).convolution.convolution(
        out, input, weight, bias, stride, padding, dilation, groups
    )


@primitive(node_name="ConvolutionBackward0")
def convolution_input_gradient(grad, weight, *, size, stride, padding, dilation, groups):
    """The gradient of `convolution` with respect to an input of shape `size`."""
    return Spec(size, grad.dtype)


@convolution_input_gradient.forward
def _(out, grad, weight, *, size, stride, padding, dilation, groups):
    devices.kernels(out).convolution.convolution_input_gradient(
        out, grad, weight, stride, padding, dilation, groups
    )


@primitive
def convolution_weight_gradient(input, grad, *, size, stride, padding, dilation, groups):
    """The gradient of `convolution` with respect to a weight of shape `size`."""
    return Spec(size, grad.dtype)


@convolution_weight_gradient.forward
def _(out, input, grad, *, size, stride, padding, dilation, groups):
    devices.kernels(out).convolution.convolution_weight_gradient(
        out, input, grad, stride, padding, dilation, groups
    )


same_launches(convolution, convolution_input_gradient, convolution_weight_gradient)


@convolution.gradient("input")
def _(grad, weight, input_shape, stride, padding, dilation, groups):
    return convolution_input_gradient(
        grad, conj_of(weight),
        size=input_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@convolution.gradient("weight")
def _(grad, input, weight_shape, stride, padding, dilation, groups):
    return convolution_weight_gradient(
        conj_of(input), grad,
        size=weight_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@convolution.gradient("bias")
def _(grad):
    return grad.sum([d for d in range(len(grad.shape)) if d != 1])


def _cropped_convolution(input, weight, shape, **geometry):
    """A convolution, cut to `shape`: an output padding beyond the stride leaves a longer one."""
    result = convolution(input, weight, None, **geometry)
    for d, size in enumerate(shape):
        if result.shape[d] != size:
            result = narrow(result, d, 0, size)
    return result


@convolution_input_gradient.gradient("grad")
def _(grads, inputs, grad_shape, stride, padding, dilation, groups):
    return _cropped_convolution(
        grads[0], conj_of(inputs[1]), grad_shape,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@convolution_input_gradient.gradient("weight")
def _(grads, inputs, weight_shape, stride, padding, dilation, groups):
    return convolution_weight_gradient(
        grads[0], conj_of(inputs[0]),
        size=weight_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@convolution_weight_gradient.gradient("input")
def _(grads, inputs, input_shape, stride, padding, dilation, groups):
    return convolution_input_gradient(
        conj_of(inputs[1]), grads[0],
        size=input_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


@convolution_weight_gradient.gradient("grad")
def _(grads, inputs, grad_shape, stride, padding, dilation, groups):
    return _cropped_convolution(
        conj_of(inputs[0]), grads[0], grad_shape,
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


# What users' arguments must be -------------------------------------------------------------------


def output_sizes(sizes, kernel, stride, padding, dilation):
    """The spatial sizes of a convolution's output."""
    return [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation)
    ]


def _spatial(value, rank, name):
    """An int, or a sequence of one or `rank` ints, as a tuple of `rank` ints."""
    values = tuple(value) if isinstance(value, tuple | list | shapes.Size) else (value,)
    try:
        values = tuple(operator.index(v) for v in values)
    except TypeError:
        raise TypeError(f"{name} must be an int or a tuple of ints, but got {value!r}") from None
    if len(values) == 1:
        return values * rank
    if len(values) != rank:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {rank} values to match "
            f"the convolution dimensions, but got {name}={list(values)}"
        )
    return values


_C_NAMES = {"float32": "float", "float64": "double", "float16": "c10::Half",
            "bfloat16": "c10::BFloat16"}  # fmt: skip


def _check_dtypes(input, weight, bias):
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(weight.dtype)}"
        )
    if bias is not None and bias.dtype is not input.dtype:
        names = [_C_NAMES.get(x.dtype.name, x.dtype.name) for x in (input, bias)]
        raise RuntimeError("Input type ({}) and bias type ({}) should be the same".format(*names))
    if input.dtype is dtypes.bool_:
        raise NotImplementedError("\"slow_conv2d_cpu\" not implemented for 'Bool'")


def _check_geometry(name, input, weight, rank, stride, padding, dilation, groups):
    if len(input.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input.shape)}"
        )
    if len(weight.shape) != rank + 2:
        raise RuntimeError(
            f"{name}: expected weight to have {rank + 2} dimensions, but got weight of size "
            f"{list(weight.shape)}"
        )
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if weight.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {list(weight.shape)} instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight.shape)}] instead"
        )
    if 0 in weight.shape[2:]:
        raise RuntimeError(
            f"kernel size should be greater than zero, but got {list(weight.shape[2:])}"
        )


def _check_bias(prefix, weight, bias, channels):
    if bias is not None and tuple(bias.shape) != (channels,):
        raise RuntimeError(
            f"Given {prefix}weight of size {list(weight.shape)}, expected bias to be 1-dimensional "
            f"with {channels} elements, but got bias of size {list(bias.shape)} instead"
        )


def _by_x(sizes):
    return " x ".join(map(str, sizes))


# The public functions ----------------------------------------------------------------------------


def _convolve(name, rank, input, weight, bias, stride, padding, dilation, groups):
    stride = _spatial(stride, rank, "stride")
    dilation = _spatial(dilation, rank, "dilation")
    surplus = None
    if isinstance(padding, str):
        padding, surplus = _named_padding(padding, weight, rank, stride, dilation)
    else:
        padding = _spatial(padding, rank, "padding")
    _check_geometry(name, input, weight, rank, stride, padding, dilation, groups)
    batched = len(input.shape) == rank + 2
    if not batched:
        input = unsqueeze(input, 0)
    if input.shape[1] != weight.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input"
            f"{list(input.shape)} to have {weight.shape[1] * groups} channels, but got "
            f"{input.shape[1]} channels instead"
        )
    _check_bias("", weight, bias, weight.shape[0])
    _check_dtypes(input, weight, bias)
    if any(
        n < 1 for n in output_sizes(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    ):
        padded = [size + 2 * p for size, p in zip(input.shape[2:], padding)]
        kernel = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation)]
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_by_x(padded)}). Kernel size: "
            f"({_by_x(kernel)}). Kernel size can't be greater than actual input size"
        )
    result = convolution(
        input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    for d, extra in enumerate(surplus or (), 2):
        if extra:
            result = narrow(result, d, extra, result.shape[d] - extra)
    return result if batched else result.squeeze(0)


def _named_padding(padding, weight, rank, stride, dilation):
    """(padding, how much too much it is on the left) for "same" and "valid"."""
    if padding == "valid":
        return (0,) * rank, None
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for k, d in zip(weight.shape[2:], dilation)]
    return tuple((total + 1) // 2 for total in totals), [total % 2 for total in totals]


def _convolve_transposed(
    name, rank, input, weight, bias, stride, padding, output_padding, groups, dilation
):  # fmt: skip
    stride, padding = _spatial(stride, rank, "stride"), _spatial(padding, rank, "padding")
    dilation = _spatial(dilation, rank, "dilation")
    output_padding = _spatial(output_padding, rank, "output_padding")
    _check_geometry(name, input, weight, rank, stride, padding, dilation, groups)
    for extra, s, d in zip(output_padding, stride, dilation):
        if extra < 0:
            raise RuntimeError("negative output_padding is not supported")
        if extra >= s and extra >= d:
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding: {list(output_padding)} stride: {list(stride)} dilation: "
                f"{list(dilation)}"
            )
    batched = len(input.shape) == rank + 2
    if not batched:
        input = unsqueeze(input, 0)
    if input.shape[1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected input"
            f"{list(input.shape)} to have {weight.shape[0]} channels, but got {input.shape[1]} "
            "channels instead"
        )
    channels = weight.shape[1] * groups
    _check_bias("transposed=1, ", weight, bias, channels)
    _check_dtypes(input, weight, bias)
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, k, s, p, d, extra in zip(
            input.shape[2:], weight.shape[2:], stride, padding, dilation, output_padding
        )
    ]
    if any(n < 1 for n in sizes):
        raise RuntimeError(
            f"Given input size per channel: ({_by_x(input.shape[2:])}). Calculated output size per "
            f"channel: ({_by_x(sizes)}). Output size is too small"
        )
    result = convolution_input_gradient(
        input, weight, size=shapes.Size((input.shape[0], channels, *sizes)),
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    if bias is not None:
        result = add(result, _channels_first(bias, rank))
    return result if batched else result.squeeze(0)


@function(method=False)
@lower_precision
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of input (N, C, L) with weight (O, C / groups, K); N may be missing."""
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@function(method=False)
@lower_precision
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of input (N, C, H, W) with weight (O, C / groups, KH, KW)."""
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@function(method=False)
@lower_precision
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of input (N, C, D, H, W) with weight (O, C / groups, KD, KH, KW)."""
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@function(method=False)
@lower_precision
def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv1d: input (N, C, L), weight (C, O / groups, K)."""
    return _convolve_transposed(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@function(method=False)
@lower_precision
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv2d: input (N, C, H, W), weight (C, O / groups, KH, KW)."""
    return _convolve_transposed(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@function(method=False)
@lower_precision
def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv3d: input (N, C, D, H, W), weight (C, O / groups, KD, KH, KW)."""
    return _convolve_transposed(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


# Samples for the op table ------------------------------------------------------------------------


@samples("conv1d")
def _(make):
    yield Sample(make(2, 3, 7), make(4, 3, 3), make(4), stride=2, padding=1)
    yield Sample(make(3, 7), make(4, 3, 2), make(4), padding="same")


@samples("conv2d")
def _(make):
    yield Sample(make(2, 3, 5, 4), make(4, 3, 3, 2), make(4))
    yield Sample(make(1, 4, 6, 7), make(6, 2, 2, 3), None, (2, 1), (1, 2), (1, 2), 2)
    yield Sample(make(1, 3, 4, 4), make(3, 1, 3, 3), make(3), padding="same", groups=3)
    yield Sample(make(0, 3, 4, 4), make(2, 3, 3, 3), make(2))
    complex128 = dtypes.complex128
    yield Sample(make(1, 2, 4, 4, dtype=complex128), make(2, 2, 3, 3, dtype=complex128))


@samples("conv3d")
def _(make):
    yield Sample(make(1, 2, 3, 4, 3), make(2, 2, 2, 2, 2), make(2), padding=1, stride=(1, 2, 1))


@samples("conv_transpose1d")
def _(make):
    yield Sample(make(2, 3, 4), make(3, 2, 3), make(2), stride=2, output_padding=1)
    yield Sample(make(1, 2, 4), make(2, 2, 2), stride=1, output_padding=2, dilation=3)


@samples("conv_transpose2d")
def _(make):
    yield Sample(make(1, 4, 3, 2), make(4, 1, 3, 2), make(2), (2, 3), (1, 0), (1, 0), 2, (2, 1))


@samples("conv_transpose3d")
def _(make):
    yield Sample(make(1, 2, 2, 3, 2), make(2, 2, 2, 2, 1), None, stride=2, padding=(1, 0, 0))

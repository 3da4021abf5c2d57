"""Batch, group, instance, layer and root-mean-square normalisation.

All are (x - mean) * rstd * weight + bias, with statistics over different dimensions. The gradient

    dx = rstd * (g - mean(g) - xhat * mean(g * xhat)),    g = grad * weight

comes from kernels where it is only wanted once, and is composed from differentiable ops, statistics
included, where it is itself recorded for a gradient of higher order.
"""

from .. import devices, dtypes, shapes
from ..graph import modes
from ..op import Spec, primitive, same_launches, scalar_name, spec_like
from .autocast import full_precision
from .casting import cast
from .reduction import mean_op, sum_op
from .registry import Sample, function, samples


def _statistics_dtype(dtype):
    """Statistics of half precision numbers are kept in float32."""
    return dtypes.float32 if dtype.is_half else dtype


def _composed_gradient(grad, xhat, rstd, dims):
    """The formula above in differentiable ops; `grad` has the weight in it."""
    shift = mean_op(grad, dims=dims, keepdim=True)
    slope = mean_op(grad * xhat, dims=dims, keepdim=True)
    return (grad - shift - xhat * slope) * rstd


def _standardized(input, dims, eps, centred=True):
    """(xhat, rstd) of `input` over `dims`, in differentiable ops."""
    if centred:
        input = input - mean_op(input, dims=dims, keepdim=True)
    rstd = (mean_op(input * input, dims=dims, keepdim=True) + eps).rsqrt()
    return input * rstd, rstd


# By channels: batches and groups -----------------------------------------------------------------


def _declare(name, node_name):
    """An op that normalises by the statistics of its input: of channels or, with `groups`, of groups."""

    def infer(input, weight, bias, *, groups, eps):
        count = input.shape[0] * groups if groups else input.shape[1]
        statistic = Spec((count,), _statistics_dtype(input.dtype))
        return spec_like(input), statistic, statistic, statistic

    infer.__doc__ = "(output, mean, biased variance, 1 / sqrt(variance + eps))"
    op = primitive(infer, name=name, node_name=node_name)

    @op.forward
    def _(outputs, input, weight, bias, *, groups, eps):
        out, mean, variance, rstd = outputs
        kernels = devices.kernels(input).normalization
        kernels.statistics(mean, variance, rstd, input, groups, eps)
        kernels.normalize(out, input, mean, rstd, weight, bias, _divisor(input, groups))

    @op.gradient()
    def _(grads, inputs, outputs, needs, groups, eps):
        if modes.grad_enabled:
            return _composed_by_channels(grads[0], *inputs, groups, eps)
        mean, rstd = outputs[1], outputs[3]
        return _fused_by_channels(grads[0], inputs[0], mean, rstd, inputs[1], groups, needs)

    return op


def _divisor(input, groups):
    """How many channels share a statistic."""
    return input.shape[1] // groups if groups else 1


batch_norm_op = _declare("native_batch_norm", "NativeBatchNormBackward0")
group_norm_op = _declare("native_group_norm", "NativeGroupNormBackward0")


@primitive(name="normalize", node_name="NativeBatchNormBackward0")
def normalize_op(input, mean, rstd, weight, bias):
    """(input - mean) * rstd * weight + bias, all but the input one number a channel."""
    return spec_like(input)


@normalize_op.forward
def _(out, input, mean, rstd, weight, bias):
    devices.kernels(out).normalization.normalize(out, input, mean, rstd, weight, bias, 1)


@normalize_op.gradient()
def _(grad, inputs, needs):
    input, mean, rstd, weight, _ = inputs
    if modes.grad_enabled:
        size = (1, input.shape[1]) + (1,) * (len(input.shape) - 2)
        xhat = (input - mean.reshape(size)) * rstd.reshape(size)
        input_grad = grad * rstd.reshape(size)
        if weight is not None:
            input_grad = input_grad * weight.reshape(size)
        dims = (0, *range(2, len(input.shape)))
        weight_grad = sum_op(grad * xhat, dims=dims, keepdim=False)
        return input_grad, None, None, weight_grad, sum_op(grad, dims=dims, keepdim=False)
    input_grad = weight_grad = bias_grad = None
    if needs[0]:
        input_grad = normalize_gradient(grad, input, mean, rstd, weight, None, None, divisor=1)
    if needs[3] or needs[4]:
        sums, products = normalize_sums(grad, input, mean, rstd, divisor=1)
        weight_grad = sum_op(products, dims=(0,), keepdim=False)
        bias_grad = sum_op(sums, dims=(0,), keepdim=False)
    return input_grad, None, None, weight_grad, bias_grad


@primitive
def normalize_sums(grad, input, mean, rstd, *, divisor):
    """(the sum of grad, the sum of grad * xhat) over every channel of every entry."""
    sums = Spec(input.shape[:2], mean.dtype)
    return sums, sums


@normalize_sums.forward
def _(outputs, grad, input, mean, rstd, *, divisor):
    sums, products = outputs
    devices.kernels(input).normalization.normalize_sums(
        sums, products, grad, input, mean, rstd, divisor
    )


@primitive
def normalize_gradient(grad, input, mean, rstd, weight, shift, slope, *, divisor):
    """(grad * weight - shift - xhat * slope) * rstd"""
    return spec_like(input)


@normalize_gradient.forward
def _(out, grad, input, mean, rstd, weight, shift, slope, *, divisor):
    devices.kernels(out).normalization.normalize_gradient(
        out, grad, input, mean, rstd, weight, shift, slope, divisor
    )


same_launches(batch_norm_op, group_norm_op, normalize_op, normalize_sums, normalize_gradient)


def _fused_by_channels(grad, input, mean, rstd, weight, groups, needs):
    divisor = _divisor(input, groups)
    sums, products = normalize_sums(grad, input, mean, rstd, divisor=divisor)
    weight_grad = sum_op(products, dims=(0,), keepdim=False) if needs[1] or not groups else None
    bias_grad = sum_op(sums, dims=(0,), keepdim=False) if needs[2] or not groups else None
    input_grad = None
    if needs[0]:
        elements = shapes.numel(input.shape)
        share = shapes.numel(mean.shape) / elements if elements else 0.0
        scale = share if weight is None else weight * share
        if groups:
            shift, slope = (_over_groups(x * scale, mean.shape[0]) for x in (sums, products))
        else:
            shift, slope = bias_grad * scale, weight_grad * scale
        input_grad = normalize_gradient(
            grad, input, mean, rstd, weight, shift, slope, divisor=divisor
        )
    return input_grad, weight_grad, bias_grad


def _over_groups(per_channel, count):
    """Numbers per channel of every entry, added up per group."""
    width = shapes.numel(per_channel.shape) // max(count, 1)
    return sum_op(per_channel.reshape(count, width), dims=(1,), keepdim=False)


def _composed_by_channels(grad, input, weight, bias, groups, eps):
    batch, channels = input.shape[:2]
    length = shapes.numel(input.shape[2:])
    x = input.reshape(batch, groups or channels, channels // (groups or channels), length)
    dims = (2, 3) if groups else (0, 2, 3)
    xhat, rstd = _standardized(x, dims, eps)
    grad = grad.reshape(x.shape)
    affine = (1, x.shape[1], x.shape[2], 1)
    weighted = grad if weight is None else grad * weight.reshape(affine)
    input_grad = _composed_gradient(weighted, xhat, rstd, dims).reshape(input.shape)
    weight_grad = sum_op(grad * xhat, dims=(0, 3), keepdim=False).reshape(channels)
    bias_grad = sum_op(grad, dims=(0, 3), keepdim=False).reshape(channels)
    return input_grad, weight_grad, bias_grad


def _affine(input, weight, bias):
    """Weight and bias in the dtype that the input is normalised in."""
    dtype = _statistics_dtype(input.dtype)
    return [None if x is None else cast(x, dtype) for x in (weight, bias)]


def _check_channels(name, input, count, **parameters):
    if len(input.shape) < 2:
        raise RuntimeError(
            f"{name}: expected an input of at least 2 dimensions, got {list(input.shape)}"
        )
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"{name}: expected a floating point input, got {input.dtype}")
    for label, x in parameters.items():
        if x is not None and x.shape != (count,):
            raise RuntimeError(
                f"{name}: {label} should contain {count} elements not {shapes.numel(x.shape)} "
                f"(shape {list(x.shape)})"
            )
        _check_parameter_dtype(name, label, x, input)


def _check_parameter_dtype(name, label, x, input):
    """RuntimeError where a parameter has neither the dtype of the input nor that of its statistics."""
    if x is not None and x.dtype not in (input.dtype, _statistics_dtype(input.dtype)):
        raise RuntimeError(
            f"{name}: mixed dtype (CPU): expect {label} to have scalar type of "
            f"{scalar_name(input.dtype)}, but got {scalar_name(x.dtype)}"
        )


@function(method=False)
def batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True
):
    """Every channel (dimension 1) normalised by the batch's statistics, in training, which also moves
    the running ones towards them; otherwise by the running ones."""
    if 0 in input.shape:  # no statistics, but a place in the graph for the parameters
        result = input.clone()
        if weight is not None:
            result = result * weight[0]
        return result if bias is None else result + bias[0]
    channels = input.shape[1] if len(input.shape) > 1 else 0
    _check_channels(
        "batch_norm", input, channels, running_mean=running_mean, running_var=running_var,
        weight=weight, bias=bias,
    )  # fmt: skip
    if not training and (running_mean is None or running_var is None):
        raise RuntimeError(
            "batch_norm: expected running_mean and running_var to be defined when training=False"
        )
    weight, bias = _affine(input, weight, bias)
    if not training:
        mean, variance = _affine(input, running_mean, running_var)
        rstd = (variance.detach() + eps).rsqrt()
        return normalize_op(input, mean.detach(), rstd, weight, bias)
    out, mean, variance, _ = batch_norm_op(input, weight, bias, groups=0, eps=eps)
    count = shapes.numel(input.shape) // max(channels, 1)
    _update_running(running_mean, running_var, mean.detach(), variance.detach(), count, momentum)
    return out


def _update_running(running_mean, running_var, mean, variance, count, momentum):
    """Move the running statistics towards those of a batch of `count` elements a channel."""
    if running_mean is not None:
        running_mean.copy_(running_mean.detach() * (1 - momentum) + mean * momentum)
    if running_var is not None:
        unbiased = variance * (count / (count - 1)) if count > 1 else variance * float("nan")
        running_var.copy_(running_var.detach() * (1 - momentum) + unbiased * momentum)


@function(method=False)
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """Every group of channels of every entry normalised."""
    channels = input.shape[1] if len(input.shape) > 1 else 0
    _check_channels("group_norm", input, channels, weight=weight, bias=bias)
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={num_groups}"
        )
    return group_norm_op(input, *_affine(input, weight, bias), groups=num_groups, eps=eps)[0]


@function(method=False)
def instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps,
    cudnn_enabled=True,
):  # fmt: skip
    """Every channel of every entry normalised by itself."""
    if not use_input_stats:
        return batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)
    channels = input.shape[1] if len(input.shape) > 1 else 0
    _check_channels(
        "instance_norm", input, channels, running_mean=running_mean, running_var=running_var,
        weight=weight, bias=bias,
    )  # fmt: skip
    out, mean, variance, _ = group_norm_op(
        input, *_affine(input, weight, bias), groups=channels, eps=eps
    )
    if running_mean is not None or running_var is not None:
        mean, variance = (
            x.detach().reshape(input.shape[0], channels).mean(0) for x in (mean, variance)
        )
        count = shapes.numel(input.shape[2:])
        _update_running(running_mean, running_var, mean, variance, count, momentum)
    return out


# By rows: the last dimensions --------------------------------------------------------------------


def _declare_rows(name, node_name, centred):
    def infer(input, weight, bias, *, rank, eps):
        rows = Spec(input.shape[: len(input.shape) - rank], _statistics_dtype(input.dtype))
        return (spec_like(input), rows, rows) if centred else (spec_like(input), rows)

    infer.__doc__ = "(output, mean, 1 / sqrt(variance + eps))"
    op = primitive(infer, name=name, node_name=node_name)

    @op.forward
    def _(outputs, input, weight, bias, *, rank, eps):
        out, mean, rstd = outputs if centred else (outputs[0], None, outputs[1])
        devices.kernels(input).normalization.layer_norm(out, mean, rstd, input, weight, bias, eps)

    @op.gradient()
    def _(grads, inputs, outputs, needs, rank, eps):
        if modes.grad_enabled:
            return _composed_by_rows(grads[0], *inputs, rank, eps, centred)
        mean, rstd = (outputs[1], outputs[2]) if centred else (None, outputs[1])
        input, weight, _ = inputs
        input_grad = weight_grad = bias_grad = None
        if needs[0]:
            input_grad = layer_norm_gradient(grads[0], input, rstd, mean, weight)
        if needs[1] or needs[2]:
            weight_grad, bias_grad = layer_norm_weight_gradient(
                grads[0], input, rstd, mean, rank=rank
            )
        return input_grad, weight_grad, bias_grad

    return op


layer_norm_op = _declare_rows("native_layer_norm", "NativeLayerNormBackward0", True)
rms_norm_op = _declare_rows("fused_rms_norm", "FusedRmsNormBackward0", False)


@primitive
def layer_norm_gradient(grad, input, rstd, mean, weight):
    """The gradient of layer_norm for its input; mean is None for rms_norm."""
    return spec_like(input)


@layer_norm_gradient.forward
def _(out, grad, input, rstd, mean, weight):
    devices.kernels(out).normalization.layer_norm_gradient(out, grad, input, mean, rstd, weight)


@primitive
def layer_norm_weight_gradient(grad, input, rstd, mean, *, rank):
    """The gradients of layer_norm for its weight and its bias."""
    spec = Spec(input.shape[len(input.shape) - rank :], rstd.dtype)
    return spec, spec


@layer_norm_weight_gradient.forward
def _(outputs, grad, input, rstd, mean, *, rank):
    weight_grad, bias_grad = outputs
    devices.kernels(input).normalization.layer_norm_weight_gradient(
        weight_grad, bias_grad, grad, input, mean, rstd
    )


same_launches(layer_norm_op, rms_norm_op, layer_norm_gradient, layer_norm_weight_gradient)


def _composed_by_rows(grad, input, weight, bias, rank, eps, centred):
    first = len(input.shape) - rank
    dims = tuple(range(first, len(input.shape)))
    xhat, rstd = _standardized(input, dims, eps, centred)
    weighted = grad if weight is None else grad * weight
    if centred:
        input_grad = _composed_gradient(weighted, xhat, rstd, dims)
    else:
        slope = mean_op(weighted * xhat, dims=dims, keepdim=True)
        input_grad = (weighted - xhat * slope) * rstd
    weight_grad, bias_grad = grad * xhat, grad  # the engine sums them to their shapes
    return input_grad, weight_grad, bias_grad


def _check_rows(name, input, normalized_shape, **parameters):
    normalized_shape = shapes.Size(normalized_shape)
    if not normalized_shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    rank = len(normalized_shape)
    if len(input.shape) < rank or input.shape[len(input.shape) - rank :] != normalized_shape:
        raise RuntimeError(
            f"Given normalized_shape={list(normalized_shape)}, expected input with shape "
            f"[*, {', '.join(map(str, normalized_shape))}], but got input of size"
            f"{list(input.shape)}"
        )
    for label, x in parameters.items():
        if x is not None and x.shape != normalized_shape:
            raise RuntimeError(
                f"Expected {label} to be of same shape as normalized_shape, but got {label} of "
                f"shape {list(x.shape)} and normalized_shape = {list(normalized_shape)}"
            )
        _check_parameter_dtype(name, label, x, input)
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"{name}: expected a floating point input, got {input.dtype}")
    return rank


@function(method=False)
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """The last dimensions, of shape `normalized_shape`, normalised."""
    rank = _check_rows("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return layer_norm_op(input, *_affine(input, weight, bias), rank=rank, eps=eps)[0]


@function(method=False)
@full_precision(devices=("cuda",))
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """The last dimensions, of shape `normalized_shape`, divided by their root mean square."""
    rank = _check_rows("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = dtypes.finfo(_statistics_dtype(input.dtype)).eps
    return rms_norm_op(input, *_affine(input, weight, None), rank=rank, eps=eps)[0]


# Samples -----------------------------------------------------------------------------------------


@samples("batch_norm")
def _(make):
    def running(value):
        return make.tensor([value] * 3, dtype=dtypes.float64)

    for sizes in ((4, 3), (4, 3, 5), (2, 3, 2, 4)):
        yield Sample(make(*sizes), make(3), make(3), None, None, True, 0.1, 1e-5, False)
        yield Sample(
            make(*sizes), make(3), make(3), running(0.5), running(2.0), False, 0.1, 1e-5, False
        )
    yield Sample(make(4, 3, 2), None, None, None, None, True, 0.1, 1e-5, False)
    yield Sample(make(4, 3, 2), None, make(3), None, None, True, 0.1, 1e-5, False)
    yield Sample(make(4, 3), None, None, running(0.5), running(2.0), False, 0.1, 1e-3, False)


@samples("group_norm")
def _(make):
    yield Sample(make(2, 6, 5), 3, make(6), make(6))
    yield Sample(make(2, 6, 2, 2), 2, make(6), None)
    yield Sample(make(3, 6), 2)


@samples("instance_norm")
def _(make):
    yield Sample(make(2, 3, 5), None, None, None, None, True, 0.1, 1e-5, False)
    yield Sample(make(2, 3, 2, 3), make(3), make(3), None, None, True, 0.1, 1e-5, False)


@samples("layer_norm")
def _(make):
    yield Sample(make(3, 5), (5,), make(5), make(5))
    yield Sample(make(2, 3, 4), (3, 4), make(3, 4))
    yield Sample(make(2, 3, 4), (4,))


@samples("rms_norm")
def _(make):
    yield Sample(make(3, 5), (5,), make(5))
    yield Sample(make(2, 3, 4), (3, 4))

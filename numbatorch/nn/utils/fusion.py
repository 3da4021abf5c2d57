"""Batch normalisation folded into the layer before it, for evaluation."""

import copy

from numbatorch import ops
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import Parameter
from numbatorch.tensor import Tensor


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """A convolution that computes bn(conv(x)); both must be in evaluation mode."""
    _check_eval(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w, bn_b,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """(weight, bias) of the folded convolution."""
    bias, weight, shift = _or_constants(conv_b, bn_rm, bn_w, bn_b)
    scale = weight * ops.rsqrt(bn_rv + bn_eps)
    form = [1, -1] if transpose else [-1, 1]
    form += [1] * (conv_w.dim() - 2)
    folded = (conv_w * scale.reshape(form)).to(conv_w.dtype)
    moved = ((bias - bn_rm) * scale + shift).to(bias.dtype)
    return Parameter(folded, conv_w.requires_grad), Parameter(moved, bias.requires_grad)


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """A linear layer that computes bn(linear(x)); both must be in evaluation mode."""
    _check_eval(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w, bn_b
) -> tuple[Parameter, Parameter]:
    """(weight, bias) of the folded linear layer."""
    bias, weight, shift = _or_constants(linear_b, bn_rm, bn_w, bn_b)
    scale = weight * ops.rsqrt(bn_rv + bn_eps)
    folded = (linear_w * scale.unsqueeze(-1)).to(linear_w.dtype)
    moved = ((bias - bn_rm) * scale + shift).to(bias.dtype)
    return Parameter(folded, linear_w.requires_grad), Parameter(moved, bias.requires_grad)


def _or_constants(bias, mean: Tensor, weight, shift) -> tuple[Tensor, Tensor, Tensor]:
    return (
        mean.new_zeros(mean.shape) if bias is None else bias,
        mean.new_ones(mean.shape) if weight is None else weight,
        mean.new_zeros(mean.shape) if shift is None else shift,
    )


def _check_eval(*modules: Module) -> None:
    if any(module.training for module in modules):
        raise AssertionError("Fusion only for eval!")

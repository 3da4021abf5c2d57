"""Convolutions whose kernel is one element: matrix products over the channels, an image at a time."""

from ..array import Array, initialise
from ..dtypes import float32, float64
from ..shapes import Size, numel, view_strides
from .matmul import matmul


def suits(images, weight, stride, padding, groups):
    """Whether a convolution from and to `images` is one of these, their pixels one dimension."""
    return (
        weight.dtype in (float32, float64)
        and groups == 1
        and all(size == 1 for size in weight.shape[2:])
        and all(step == 1 for step in stride)
        and not any(padding)
        and all(0 not in x.shape and _pixels(x) is not None for x in images)
    )


def _pixels(x):
    """x as (images, channels, pixels), or None where that needs a copy."""
    shape = Size((*x.shape[:2], numel(x.shape[2:])))
    strides = view_strides(x.shape, x.strides, shape)
    return None if strides is None else _view(x, shape, strides, 0)


def _view(x, shape, strides, start):
    return initialise(Array(), x.storage, x.dtype, Size(shape), tuple(strides), x.offset + start)


def _transposed(x):
    return _view(x, (x.shape[1], x.shape[0]), (x.strides[1], x.strides[0]), 0)


def _matrix(weight):
    return _view(weight, weight.shape[:2], weight.strides[:2], 0)


def forward(out, input, weight, bias):
    """As convolution.convolution."""
    start = None if bias is None else _view(bias, (bias.shape[0], 1), (bias.strides[0], 1), 0)
    matmul(_pixels(out), _matrix(weight), _pixels(input), start)


def input_gradient(out, grad_output, weight):
    """As convolution.convolution_input_gradient."""
    matmul(_pixels(out), _transposed(_matrix(weight)), _pixels(grad_output))


def weight_gradient(out, input, grad_output):
    """As convolution.convolution_weight_gradient: the images' products added up in their order."""
    result, grads, images = _matrix(out), _pixels(grad_output), _pixels(input)
    for n in range(images.shape[0]):
        grad = _view(grads, grads.shape[1:], grads.strides[1:], n * grads.strides[0])
        image = _view(images, images.shape[1:], images.strides[1:], n * images.strides[0])
        matmul(result, grad, _transposed(image), result if n else None)

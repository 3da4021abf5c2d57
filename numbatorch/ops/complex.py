"""Complex numbers: their parts, their polar form, and views between them and pairs of reals."""

import math

from .. import dtypes, graph
from ..op import Layout, view
from . import joining
from .arithmetic import conj_of
from .autocast import full_precision
from .comparison import isnan
from .output import deliver
from .registry import Sample, function, method, samples
from .scalars import check_tensor
from .selection import where_op
from .trigonometric import atan2, cos, sin


@view(name="view_as_real")
def view_as_real_op(input):
    """A last dimension of two: real part, imaginary part."""
    strides = [2 * stride for stride in input.strides]
    return Layout((*input.shape, 2), (*strides, 1), 2 * input.offset, input.dtype.to_real())


@view_as_real_op.gradient("input")
def _(grad):
    return view_as_complex(grad.contiguous())


@function(method=False)
def view_as_real(input):
    """A complex tensor as a real one with a last dimension of two, over the same memory."""
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return view_as_real_op(input)


@view(name="view_as_complex")
def view_as_complex_op(input):
    """The pairs of the last dimension as complex numbers."""
    strides = [stride // 2 for stride in input.strides[:-1]]
    return Layout(input.shape[:-1], strides, input.offset // 2, input.dtype.to_complex())


@view_as_complex_op.gradient("input")
def _(grad):
    return view_as_real(grad)


@function(method=False)
@full_precision
def view_as_complex(input):
    """A real tensor with a last dimension of two as a complex one, over the same memory."""
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(
            "view_as_complex is only supported for floating point tensors, but got a tensor of "
            f"scalar type: {input.dtype}"
        )
    if not input.shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if input.strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if input.offset % 2 or any(stride % 2 for stride in input.strides[:-1]):
        raise RuntimeError(
            "Tensor must have a stride divisible by 2 for all but last dimension, and a "
            "storage_offset divisible by 2"
        )
    return view_as_complex_op(input)


@function(method=False)
def real(input):
    """The real part, over the same memory; a real tensor itself."""
    return view_as_real(input).select(-1, 0) if input.dtype.is_complex else input


@function(method=False)
def imag(input):
    """The imaginary part, over the same memory."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return view_as_real(input).select(-1, 1)


@function
def conj(input):
    """The complex conjugate; a real tensor itself."""
    return conj_of(input)


@method
def resolve_conj(self):
    """This tensor: conjugates are computed at once."""
    return self


@method
def resolve_neg(self):
    """This tensor: negatives are computed at once."""
    return self


@method
def is_conj(self):
    """False: conjugates are computed at once."""
    return False


@method
def is_neg(self):
    """False: negatives are computed at once."""
    return False


def _check_parts(first, second):
    if first.dtype not in (dtypes.float32, dtypes.float64) or second.dtype is not first.dtype:
        raise RuntimeError(
            "Expected both inputs to be Float or Double tensors of one dtype but got "
            f"{first.dtype} and {second.dtype}"
        )


@function(method=False, name="complex")
def complex_(real, imag, *, out=None):
    """real + i imag, of two floating-point tensors of one dtype."""
    _check_parts(real, imag)
    shape = graph.shapes.broadcast_shapes(real.shape, imag.shape)
    pairs = joining.stack([real.expand(shape), imag.expand(shape)], -1)
    return deliver("complex", view_as_complex(pairs), out)


@function(method=False)
@full_precision
def polar(abs, angle, *, out=None):
    """abs * (cos(angle) + i sin(angle))"""
    check_tensor("polar", "abs", 1, abs)
    check_tensor("polar", "angle", 2, angle)
    _check_parts(abs, angle)
    return complex_(abs * cos(angle), abs * sin(angle), out=out)


@function
def angle(input, *, out=None):
    """The angle of a complex number; of a real one, pi where it is negative, else 0."""
    if input.dtype.is_complex:
        parts = view_as_real(input)
        parts = where_op(input.unsqueeze(-1) == 0, parts.detach(), parts)  # no gradient at zero
        return atan2(parts.select(-1, 1), parts.select(-1, 0), out=out)
    zero = (
        input * 0.0 if input.dtype.is_floating_point else input.to(dtypes.get_default_dtype()) * 0
    )
    found = where_op(isnan(input), input.to(zero.dtype), where_op(input < 0, math.pi, zero))
    return deliver("angle", found, out)


def _complex_samples(make):
    for shape in ((2, 3), (), (0, 2)):
        yield Sample(make(*shape, low=0.3, dtype=dtypes.complex128))


for _name in ("view_as_real", "real", "imag", "conj", "angle"):
    samples(_name)(_complex_samples)


@samples("complex")
def _(make):
    yield Sample(make(2, 3), make(2, 3))
    yield Sample(make(), make())


@samples("polar")
def _(make):
    yield Sample(make(2, 3, low=0.3), make(2, 3))

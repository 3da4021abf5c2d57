"""Discrete Fourier transforms (`torch.fft`): one op along the last dimension; the rest is composed."""

import math
from functools import cache

import numpy as np

from .. import devices, dtypes, graph, shapes
from ..formulas import fourier as formulas
from ..op import Spec, copy_values, primitive, scalar_name
from ..shapes import Size, as_indices, wrap_dim
from .arithmetic import conj_of
from .casting import cast, to_device
from .output import deliver
from .registry import FUNCTIONS, Sample, in_namespace, samples

fourier = in_namespace("fft")

# Tables -------------------------------------------------------------------------------------------


def _constant(values, dtype, place):
    """A value with these elements on a device."""
    result = graph.allocate(Size(values.shape), dtype)
    result.as_numpy()[...] = values
    return to_device(result, place)


def _roots_of_unity(n, inverse):
    return np.exp((2j if inverse else -2j) * math.pi * np.arange(n) / n)


@cache
def _roots(n, inverse, dtype, place):
    return _constant(_roots_of_unity(n, inverse), dtype, place)


@cache
def _chirp(n, inverse, dtype, place):
    """(m, chirp, its conjugates' spectrum over m and divided by it, roots) for Bluestein's algorithm."""
    m = 1 << (2 * n - 2).bit_length()
    angles = np.arange(n, dtype=np.int64) ** 2 % (2 * n)
    chirp = np.exp((1j if inverse else -1j) * math.pi * angles / n)
    filter_ = np.zeros(m, np.complex128)
    filter_[:n] = chirp.conj()
    filter_[m - n + 1 :] = chirp[1:].conj()[::-1]
    spectrum = _constant(filter_, dtypes.complex128, devices.CPU)
    _launch(spectrum, m, False)
    spectrum = spectrum.as_numpy() / m
    roots = _roots(m, False, dtype, place)
    return m, _constant(chirp, dtype, place), _constant(spectrum, dtype, place), roots


# The op -------------------------------------------------------------------------------------------


@cache
def _is_smooth(n):
    """Whether all prime factors are small."""
    while n > 1:
        factor = formulas.next_factor(n)
        if factor > formulas.LARGEST_FACTOR:
            return False
        n //= factor
    return True


def _launch(x, n, inverse):
    """Transform the rows of a dense value."""
    items = shapes.numel(x.shape[:-1])
    place, kernels = devices.of(x), devices.kernels(x).batched
    steps = 10 * n * n.bit_length()
    if _is_smooth(n):
        spare = graph.allocate(x.shape, x.dtype, place)
        kernels.apply(
            formulas.transform, items, (x, spare), (n,),
            shared=(_roots(n, inverse, x.dtype, place),), work=steps,
        )  # fmt: skip
        return
    m, *tables = _chirp(n, inverse, x.dtype, place)
    rooms = [graph.allocate(Size((*x.shape[:-1], m)), x.dtype, place) for _ in range(2)]
    kernels.apply(
        formulas.bluestein, items, (x, *rooms), (n, m), shared=tables, work=4 * steps
    )  # fmt: skip


@primitive(name="fft_c2c", node_name="FftC2CBackward0")
def transform(input, *, inverse):
    """The transform along the last dimension, not normalised."""
    return Spec(input.shape, input.dtype)


@transform.forward
def _(out, input, *, inverse):
    copy_values(out, input)
    if 0 not in input.shape:
        _launch(out, input.shape[-1], inverse)


@transform.gradient("input")
def _(grad, inverse):
    return transform(grad, inverse=not inverse)


# Arguments ----------------------------------------------------------------------------------------


def _prepared(name, input, real=False):
    """The input as a complex tensor (or a real one), of the dtype that its transform has."""
    if not isinstance(input, graph.Value):
        raise TypeError(
            f"fft_{name}(): argument 'input' must be Tensor, not {type(input).__name__}"
        )
    dtype = input.dtype
    if dtype.category < dtypes.FLOATING:
        dtype = dtypes.get_default_dtype()
    if dtype in (dtypes.float16, dtypes.bfloat16):
        raise RuntimeError(f"Unsupported dtype {scalar_name(dtype)}")
    if real and dtype.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {scalar_name(dtype)}")
    return cast(input, dtype if real else dtype.to_complex())


def _scale(norm, count, forward):
    """What a transform of `count` numbers is multiplied by; None for nothing."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") == forward else None


def _normalised(x, norm, count, forward):
    scale = _scale(norm, count, forward)
    return x if scale is None else x * scale


def _resized(x, dim, n):
    """`x` cut or filled up with zeros to n elements along `dim`."""
    size = x.shape[dim]
    if n < size:
        return x.narrow(dim, 0, n)
    if n == size:
        return x
    missing = (*x.shape[:dim], n - size, *x.shape[dim + 1 :])
    zeros = FUNCTIONS["zeros"](missing, dtype=x.dtype, device=devices.of(x))
    return FUNCTIONS["cat"]([x, zeros], dim)


def _length(n, default):
    n = default if n is None else n
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _along(x, dim, inverse):
    """The transform along `dim`."""
    last = len(x.shape) - 1
    if dim == last:
        return transform(x, inverse=inverse)
    moved = x.transpose(dim, last)
    return transform(moved, inverse=inverse).transpose(dim, last)


def _dim_of(x, dim):
    if not x.shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, len(x.shape))


def _sizes_and_dims(x, s, dim, last_is_half=False):
    """(sizes, dims) of a transform in several dimensions, from arguments that may be None."""
    rank = len(x.shape)
    if dim is not None:
        dims = [wrap_dim(d, rank) for d in as_indices(dim)]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
    if s is not None:
        s = list(as_indices(s))
        if dim is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
        if len(s) > rank:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {rank} "
                               "dimensions.")  # fmt: skip
        if dim is None:
            dims = list(range(rank - len(s), rank))
    elif dim is None:
        dims = list(range(rank))
    sizes = [x.shape[d] for d in dims]
    if last_is_half and dims:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if s is not None:
        sizes = [default if n == -1 else n for n, default in zip(s, sizes)]
    return [_length(n, None) for n in sizes], dims


# Along one dimension ------------------------------------------------------------------------------


def _complex_to_complex(name, input, n, dim, norm, out, inverse):
    x = _prepared(name, input)
    dim = _dim_of(x, dim)
    n = _length(n, x.shape[dim])
    result = _along(_resized(x, dim, n), dim, inverse)
    return deliver(f"fft_{name}", _normalised(result, norm, n, not inverse), out)


@fourier
def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """The transform along `dim`, of the input cut or filled up with zeros to n elements."""
    return _complex_to_complex("fft", input, n, dim, norm, out, False)


@fourier
def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `fft`."""
    return _complex_to_complex("ifft", input, n, dim, norm, out, True)


def _half(x, dim, n, inverse=False):
    """The first half of the transform of a real tensor; the second mirrors it."""
    full = _along(cast(_resized(x, dim, n), x.dtype.to_complex()), dim, inverse)
    return full.narrow(dim, 0, n // 2 + 1)


def _from_half(x, dim, n, inverse=True):
    """The real transform along `dim` of what has this first half."""
    x = _resized(x, dim, n // 2 + 1)
    mirrored = conj_of(x.narrow(dim, 1, (n - 1) // 2)).flip(dim)
    full = FUNCTIONS["cat"]([x, mirrored], dim)
    return _along(full, dim, inverse).real.contiguous()


@fourier
def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The first n // 2 + 1 elements of the transform of a real tensor; they determine the others."""
    x = _prepared("rfft", input, real=True)
    dim = _dim_of(x, dim)
    n = _length(n, x.shape[dim])
    return deliver("fft_rfft", _normalised(_half(x, dim, n), norm, n, True), out)


@fourier
def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `rfft`: n real elements, 2 (m - 1) by default."""
    x = _prepared("irfft", input)
    dim = _dim_of(x, dim)
    n = _length(n, 2 * (x.shape[dim] - 1))
    return deliver("fft_irfft", _normalised(_from_half(x, dim, n), norm, n, False), out)


@fourier
def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The real transform of a signal whose second half mirrors the first, which is given."""
    x = _prepared("hfft", input)
    dim = _dim_of(x, dim)
    n = _length(n, 2 * (x.shape[dim] - 1))
    result = _from_half(x, dim, n, inverse=False)
    return deliver("fft_hfft", _normalised(result, norm, n, True), out)


@fourier
def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `hfft`."""
    x = _prepared("ihfft", input, real=True)
    dim = _dim_of(x, dim)
    n = _length(n, x.shape[dim])
    result = _half(x, dim, n, inverse=True)
    return deliver("fft_ihfft", _normalised(result, norm, n, False), out)


# Along several ------------------------------------------------------------------------------------


def _all_along(x, sizes, dims, inverse):
    for n, dim in zip(sizes, dims):
        x = _along(_resized(x, dim, n), dim, inverse)
    return x


@fourier
def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform along several dimensions, all by default."""
    x = _prepared("fftn", input)
    sizes, dims = _sizes_and_dims(x, s, dim)
    result = _all_along(x, sizes, dims, False)
    return deliver("fft_fftn", _normalised(result, norm, math.prod(sizes), True), out)


@fourier
def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `fftn`."""
    x = _prepared("ifftn", input)
    sizes, dims = _sizes_and_dims(x, s, dim)
    result = _all_along(x, sizes, dims, True)
    return deliver("fft_ifftn", _normalised(result, norm, math.prod(sizes), False), out)


def _check_some(name, dims):
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")


@fourier
def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`rfft` along the last of the dimensions, `fft` along the others."""
    x = _prepared("rfftn", input, real=True)
    sizes, dims = _sizes_and_dims(x, s, dim)
    _check_some("rfftn", dims)
    result = _all_along(_half(x, dims[-1], sizes[-1]), sizes[:-1], dims[:-1], False)
    return deliver("fft_rfftn", _normalised(result, norm, math.prod(sizes), True), out)


@fourier
def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `rfftn`."""
    x = _prepared("irfftn", input)
    sizes, dims = _sizes_and_dims(x, s, dim, last_is_half=True)
    _check_some("irfftn", dims)
    result = _from_half(_all_along(x, sizes[:-1], dims[:-1], True), dims[-1], sizes[-1])
    return deliver("fft_irfftn", _normalised(result, norm, math.prod(sizes), False), out)


@fourier
def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`hfft` along the last of the dimensions, `fft` along the others."""
    x = _prepared("hfftn", input)
    sizes, dims = _sizes_and_dims(x, s, dim, last_is_half=True)
    _check_some("hfftn", dims)
    half = _all_along(x, sizes[:-1], dims[:-1], False)
    result = _from_half(half, dims[-1], sizes[-1], inverse=False)
    return deliver("fft_hfftn", _normalised(result, norm, math.prod(sizes), True), out)


@fourier
def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `hfftn`."""
    x = _prepared("ihfftn", input, real=True)
    sizes, dims = _sizes_and_dims(x, s, dim)
    _check_some("ihfftn", dims)
    half = _half(x, dims[-1], sizes[-1], inverse=True)
    result = _all_along(half, sizes[:-1], dims[:-1], True)
    return deliver("fft_ihfftn", _normalised(result, norm, math.prod(sizes), False), out)


def _in_two(function):
    """The form of a function that transforms the last two dimensions."""

    def in_two_dimensions(input, s=None, dim=(-2, -1), norm=None, *, out=None):
        return function(input, s, dim, norm, out=out)

    name = function.__name__[:-1] + "2"
    in_two_dimensions.__name__ = in_two_dimensions.__qualname__ = name
    in_two_dimensions.__doc__ = f"`{function.__name__}` along two dimensions."
    return fourier(in_two_dimensions)


for _function in (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn):
    _in_two(_function)


# Frequencies --------------------------------------------------------------------------------------


def _frequencies(name, positive, negative, n, d, out, dtype, device, requires_grad):
    dtype = dtype or dtypes.get_default_dtype()
    parts = [FUNCTIONS["arange"](*bounds, dtype=dtype, device=device)
             for bounds in (positive, negative) if bounds]  # fmt: skip
    result = FUNCTIONS["cat"](parts) * (1.0 / (n * d))
    return deliver(f"fft_{name}", result.requires_grad_() if requires_grad else result, out)


@fourier
def fftfreq(
    n, d=1.0, *, out=None, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
):  # fmt: skip
    """The frequencies of the elements of `fft`, for samples `d` apart."""
    bounds = (0, (n + 1) // 2), (-(n // 2), 0)
    return _frequencies("fftfreq", *bounds, n, d, out, dtype, device, requires_grad)


@fourier
def rfftfreq(
    n, d=1.0, *, out=None, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
):  # fmt: skip
    """The frequencies of the elements of `rfft`, for samples `d` apart."""
    bounds = (0, n // 2 + 1), None
    return _frequencies("rfftfreq", *bounds, n, d, out, dtype, device, requires_grad)


def _shifted(x, dim, more):
    """Rolled by half of every size; `more` rounds it up."""
    if dim is None:
        dims = list(range(len(x.shape)))
    else:
        dims = [wrap_dim(d, len(x.shape)) for d in as_indices(dim)]
    if not dims:
        return x.clone()
    return FUNCTIONS["roll"](x, [(x.shape[d] + more) // 2 for d in dims], dims)


@fourier
def fftshift(input, dim=None):
    """The frequency 0 moved to the middle."""
    return _shifted(input, dim, 0)


@fourier
def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    return _shifted(input, dim, 1)


# Samples ------------------------------------------------------------------------------------------


@samples("fft_fft")
def _(make):
    for n in (1, 2, 3, 8, 12, 67):
        yield Sample(make(2, n, dtype=dtypes.complex128))
    yield Sample(make(3, 4), dim=0, norm="ortho")
    yield Sample(make(2, 0, 3))


@samples("fft_ifft")
def _(make):
    yield Sample(make(3, 6, dtype=dtypes.complex128), n=4, norm="forward")


@samples("fft_rfft")
def _(make):
    yield Sample(make(2, 7))
    yield Sample(make(6, 2), 8, 0)


@samples("fft_irfft")
def _(make):
    yield Sample(make(2, 4, dtype=dtypes.complex128))
    yield Sample(make(2, 4, dtype=dtypes.complex128), 7)


@samples("fft_hfft")
def _(make):
    yield Sample(make(2, 4, dtype=dtypes.complex128))


@samples("fft_irfftn")
def _(make):
    yield Sample(make(3, 3, dtype=dtypes.complex128))


@samples("fft_rfftn")
def _(make):
    yield Sample(make(3, 4))

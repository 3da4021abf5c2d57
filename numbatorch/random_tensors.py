"""New tensors of random numbers: rand, randn, randint, randperm, normal and the *_like functions."""

from . import devices, dtypes, graph
from .creation import finish, given, memory_like, shape_of
from .op import scalar_name
from .ops.drawing import overwrite, overwriting
from .ops.output import store
from .ops.random import normal_, random_, uniform_
from .ops.registry import function
from .ops.sampling import normal_of_tensors


def _drawn(draw, size, out, dtype, place, requires_grad):
    """A tensor of shape `size` that draw(tensor) fills; `out` resized and filled where given."""
    shape = shape_of(size)
    if out is None:
        result = graph.allocate(shape, dtype, devices.resolve(place))
        draw(result)
        return finish(result, requires_grad)
    if out.shape != shape:
        devices.allocate(out, shape, out.dtype, devices.of(out))
    draw(out)
    return out


@function(method=False)
def rand(
    *sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False, names=None,
):  # fmt: skip
    """Uniform samples of [0, 1)."""

    def draw(result):
        uniform_(result, generator=generator)

    dtype = dtype or dtypes.get_default_dtype()
    return _drawn(draw, given(sizes, size), out, dtype, device, requires_grad)


@function(method=False)
def randn(
    *sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False, names=None,
):  # fmt: skip
    """Samples of the standard normal distribution."""

    def draw(result):
        normal_(result, generator=generator)

    dtype = dtype or dtypes.get_default_dtype()
    return _drawn(draw, given(sizes, size), out, dtype, device, requires_grad)


@function(method=False)
def randint(
    *bounds, low=None, high=None, size=None, generator=None, out=None, dtype=None, layout=None,
    device=None, requires_grad=False, pin_memory=False,
):  # fmt: skip
    """randint(high, size) or randint(low, high, size): integers of [low, high)."""
    low, high, size = _integer_arguments(list(bounds), low, high, size)

    def draw(result):
        random_(result, low, high, generator=generator)

    dtype = dtype or dtypes.int64
    return _drawn(draw, (size,), out, dtype, device, requires_grad)


def _integer_arguments(positional, low, high, size):
    """low, high and size of `randint`, whose first positional argument is low only before high."""
    if size is None:
        if not positional or not isinstance(positional[-1], tuple | list):
            raise TypeError("randint() missing required argument 'size' (tuple of ints)")
        size = positional.pop()
    if high is None:
        if not positional:
            raise TypeError("randint() missing required argument 'high' (int)")
        high = positional.pop()
    if positional:
        low = positional.pop()
    if positional:
        raise TypeError("randint() takes at most a low bound, a high bound and a size")
    return int(0 if low is None else low), int(high), size


@overwriting("permutation", "NotDifferentiable")
def permutation_op(kernels, out, generator):
    """A permutation of 0 ... n - 1."""
    kernels.randperm(out, generator)


_LARGEST_PERMUTATION = {"float16": 2049, "bfloat16": 257, "float32": 1 << 24, "float64": 1 << 53}


@function(method=False)
def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """A random permutation of the integers 0 ... n - 1."""
    dtype = out.dtype if out is not None else dtype or dtypes.int64
    if dtype is dtypes.bool_ or dtype.is_complex:
        raise NotImplementedError(f"\"randperm\" not implemented for '{scalar_name(dtype)}'")
    _check_length(n, dtype)

    def draw(result):
        overwrite(permutation_op, result, generator)

    return _drawn(draw, (n,), out, dtype, device, requires_grad)


def _check_length(n, dtype):
    if dtype.is_floating_point:
        most = _LARGEST_PERMUTATION[dtype.name]
        if n > most:
            raise RuntimeError(f"n cannot be greater than {most} for {scalar_name(dtype)} type.")
    elif n > dtypes.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")


@function(method=False)
def normal(
    mean=0.0, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False,
):  # fmt: skip
    """Normal samples around a number in a given size, or around every element of tensors."""
    if size is None and (isinstance(mean, graph.Value) or isinstance(std, graph.Value)):
        result = normal_of_tensors(mean, std, generator)
        return result if out is None else store(result, out)
    if size is None:
        raise TypeError(
            "normal() received an invalid combination of arguments: numbers as mean and std need a "
            "size"
        )
    if len(getattr(mean, "shape", ())) or len(getattr(std, "shape", ())):
        raise TypeError("normal() received an invalid combination of arguments: tensors and a size")

    def draw(result):
        normal_(result, mean, std, generator=generator)

    dtype = dtype or dtypes.get_default_dtype()
    return _drawn(draw, (size,), out, dtype, device, requires_grad)


# In the form of another tensor --------------------------------------------------------------------


def _like(input, dtype, device, requires_grad, memory_format, draw):
    result = memory_like(input, dtype, device, memory_format)
    draw(result)
    return finish(result, requires_grad)


@function(method=False)
def rand_like(
    input, *, generator=None, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    """Uniform samples of [0, 1) in the form of `input`."""

    def draw(result):
        uniform_(result, generator=generator)

    return _like(input, dtype, device, requires_grad, memory_format, draw)


@function(method=False)
def randn_like(
    input, *, generator=None, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    """Standard normal samples in the form of `input`."""

    def draw(result):
        normal_(result, generator=generator)

    return _like(input, dtype, device, requires_grad, memory_format, draw)


@function(method=False)
def randint_like(
    input, low=None, high=None, *, generator=None, dtype=None, layout=None, device=None, pin_memory=None,
    requires_grad=False, memory_format=None,
):  # fmt: skip
    """Integers of [0, high), or of [low, high), in the form of `input`."""
    if low is None or high is None:
        low, high = 0, low if high is None else high

    def draw(result):
        random_(result, int(low), int(high), generator=generator)

    return _like(input, dtype, device, requires_grad, memory_format, draw)

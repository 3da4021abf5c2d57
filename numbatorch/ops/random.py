"""Random numbers in place: uniform_, normal_, random_, bernoulli_ and the other distributions.

Elements are drawn in the order in which they lie in memory, as PyTorch draws them, so that a seed
gives PyTorch's numbers.
"""

import math
import warnings
from functools import cache

import numpy as np

from .. import devices, dtypes, graph
from ..op import Spec, primitive, scalar_name
from ..random import for_value
from .drawing import (
    as_real,
    draw_aligned,
    draw_dense,
    host_values,
    overwrite,
    overwriting,
    zeros_like,
)
from .registry import method


@overwriting("uniform", "UniformBackward0")
def uniform_op(kernels, out, generator, low, high):
    """Uniform samples of [low, high)."""
    kernels.uniform(out, generator, low, high)


@overwriting("random", "RandomBackward0")
def random_op(kernels, out, generator, low, count):
    """Integers of [low, low + count), or of the dtype's whole range where `count` is None."""
    if count is None:
        kernels.any_integers(out, generator)
    else:
        kernels.integers(out, generator, low, count)


@overwriting("bernoulli_scalar", "BernoulliBackward2")
def bernoulli_scalar_op(kernels, out, generator, p):
    """Ones with probability p, else zeros."""
    kernels.bernoulli(out, generator, p)


@overwriting("exponential", "ExponentialBackward0")
def exponential_op(kernels, out, generator, rate):
    """Samples of an exponential distribution."""
    kernels.exponential(out, generator, rate)


@overwriting("geometric", "GeometricBackward0")
def geometric_op(kernels, out, generator, p):
    """How many trials it takes up to the first success."""
    kernels.geometric(out, generator, p)


@overwriting("cauchy", "CauchyBackward0")
def cauchy_op(kernels, out, generator, median, sigma):
    """Samples of a Cauchy distribution."""
    kernels.cauchy(out, generator, median, sigma)


@overwriting("log_normal", "LogNormalBackward0")
def log_normal_op(kernels, out, generator, mean, std):
    """Exponentials of normal samples."""
    kernels.log_normal(out, generator, mean, std)


@primitive(name="normal_samples", node_name="NormalBackward0", inplace_safe=True)
def normal_op(input, *, generator, mean, std):
    """Normal samples."""
    return Spec(input.shape, input.dtype)


@normal_op.forward
def _(out, input, *, generator, mean, std):
    target = as_real(out) if out.dtype.is_complex else out
    singly = not target.contiguous_layout  # PyTorch has another rule for those
    kernels = devices.kernels(out).random
    draw_dense(target, lambda dense: kernels.normal(dense, generator, mean, std, singly))


@normal_op.gradient("input")
def _(grad):
    return zeros_like(grad)


@primitive(name="bernoulli_tensor", node_name="BernoulliBackward1", inplace_safe=True)
def bernoulli_tensor_op(input, p, *, generator):
    """Ones with the probabilities in `p`, else zeros."""
    return Spec(input.shape, input.dtype)


@bernoulli_tensor_op.forward
def _(out, input, p, *, generator):
    kernels = devices.kernels(out).random
    draw_aligned(out, lambda dense, each: kernels.bernoulli_each(dense, generator, each), p)


@bernoulli_tensor_op.gradient("input", "p")
def _(grad):
    return zeros_like(grad)


# Arguments ----------------------------------------------------------------------------------------


def number(value):
    """A parameter given as a number or as a tensor of one element."""
    return value.item() if isinstance(value, graph.Value) else value


def require_floating(value, kernel):
    """NotImplementedError, as PyTorch's, where `value` is not of a floating-point dtype."""
    if not value.dtype.is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(value.dtype)}'")


@cache
def _limits(dtype):
    """The least and the greatest number of a dtype."""
    if dtype.is_floating_point:
        limits = dtypes.finfo(dtype)
        return limits.min, limits.max
    if dtype is dtypes.bool_:
        return 0, 1
    limits = np.iinfo(dtype.numpy)
    return int(limits.min), int(limits.max)


_C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long int", "bool": "bool", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>", "uint16": "unsigned short",
    "uint32": "unsigned int", "uint64": "unsigned long",
}  # fmt: skip


def _check_bound(value, name, dtype):
    least, most = _limits(dtype)
    if not least <= value <= most:
        raise RuntimeError(f"{name} is out of bounds for {_C_NAMES[dtype.name]}")


def _check_continuous(value, distribution):
    if not value.dtype.is_floating_point:
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. dtype must be "
            f"a floating point but you specified {_C_NAMES[value.dtype.name]}"
        )


# Methods ------------------------------------------------------------------------------------------


@method
def uniform_(self, *bounds, generator=None, **named):
    """uniform_(from=0, to=1): overwrite with uniform samples of [from, to)."""
    low, high = (*bounds, *(0, 1)[len(bounds) :])
    low, high = number(named.pop("from", low)), number(named.pop("to", high))
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    dtype = self.dtype.to_real()
    if not dtype.is_floating_point:
        require_floating(self, "check_uniform_bounds")
    _check_bound(low, "from", dtype)
    _check_bound(high, "to", dtype)
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > _limits(dtype)[1]:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{scalar_name(dtype)}>::max(), but "
            f"found to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )
    return overwrite(uniform_op, self, generator, low=float(low), high=float(high))


@method
def normal_(self, mean=0, std=1, *, generator=None):
    """Overwrite with samples of a normal distribution."""
    mean, std = float(number(mean)), float(number(std))
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if self.dtype.is_complex:
        std /= math.sqrt(2)  # the variance is shared between the two parts
    else:
        require_floating(self, "normal_kernel_cpu")
    return overwrite(normal_op, self, generator, mean=mean, std=std)


@method
def bernoulli_(self, p=0.5, *, generator=None):
    """Overwrite with ones of probability `p` (a number or a tensor), else zeros."""
    if not isinstance(p, graph.Value):
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        return overwrite(bernoulli_scalar_op, self, generator, p=float(p))
    check_probabilities(p)
    chosen = for_value(generator, self, "bernoulli_")
    return bernoulli_tensor_op.inplace(self, p.expand(self.shape), generator=chosen)


def check_probabilities(p):
    """RuntimeError unless all elements of `p` lie in [0, 1]."""
    require_floating(p, "bernoulli_tensor_cpu_p_")
    values = host_values(p)
    if not ((values >= 0) & (values <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")


@method
def exponential_(self, lambd=1, *, generator=None):
    """Overwrite with samples of an exponential distribution of rate `lambd`."""
    rate = float(number(lambd))
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    _check_continuous(self, "Exponential")
    return overwrite(exponential_op, self, generator, rate=rate)


@method
def geometric_(self, p, *, generator=None):
    """Overwrite with the numbers of trials up to the first success, each of probability `p`."""
    p = float(number(p))
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if self.dtype.is_complex or self.dtype is dtypes.bool_:
        require_floating(self, "geometric_cpu")
    return overwrite(geometric_op, self, generator, p=p)


@method
def cauchy_(self, median=0, sigma=1, *, generator=None):
    """Overwrite with samples of a Cauchy distribution."""
    median, sigma = float(number(median)), float(number(sigma))
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    _check_continuous(self, "Cauchy")
    return overwrite(cauchy_op, self, generator, median=median, sigma=sigma)


@method
def log_normal_(self, mean=1, std=2, *, generator=None):
    """Overwrite with exponentials of samples of a normal distribution."""
    mean, std = float(number(mean)), float(number(std))
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    require_floating(self, "log_normal_cpu")
    return overwrite(log_normal_op, self, generator, mean=mean, std=std)


@method
def random_(self, *bounds, generator=None, **named):
    """random_(), random_(to) or random_(from, to): overwrite with integers of [from, to).

    Without bounds they are of the dtype's range; `to` None means from `from` up to its end.
    """
    if self.dtype.is_complex or (self.dtype.is_storage_only and not bounds and not named):
        require_floating(self, "random_kernel_cpu")
    if not bounds and not named:
        return overwrite(random_op, self, generator, low=0, count=None)
    if len(bounds) == 1 and not named:
        bounds = (0, *bounds)
    low, high = (*bounds, *(0, None)[len(bounds) :])
    low, high = named.pop("from", low), named.pop("to", high)
    if named:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(named))}'")
    low, count = integer_range(int(low), None if high is None else int(high), self.dtype)
    return overwrite(random_op, self, generator, low=low, count=count)


# Integer ranges -----------------------------------------------------------------------------------


def integer_range(low, high, dtype):
    """(low, count) of the integers that random_(low, high) draws for `dtype`."""
    floating = dtype.is_floating_point
    if high is None:
        if low == -(1 << 63):
            return 0, 1 << 64
        last = 1 << dtype.digits if floating else _limits(dtype)[1]
        low = _exact_low(low, dtype) if floating else low
    else:
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        if floating:
            low, high = _exact_low(low, dtype), _exact_high(high, dtype)
        last = high - 1
    if low > last:
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
            f"from={low} >= to={last + 1}"
        )
    _check_integer(low, "from", dtype)
    _check_integer(last, "to - 1", dtype)
    return low, last - low + 1


def _check_integer(value, name, dtype):
    _check_bound(value, name, dtype)
    digits = dtype.digits if dtype.is_floating_point else 64
    if abs(value) > 1 << digits:
        warnings.warn(
            f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
            f"{_C_NAMES[dtype.name]} can support discrete uniform distribution only within this "
            "range. This warning will become an error in version 1.7 release, please fix the code "
            "in advance",
            stacklevel=5,
        )


def _as_held(integer, dtype):
    """An int64 after a round trip through `dtype`; -2**63 where that leaves the range of int64."""
    single = (
        np.float64(integer) if dtype is dtypes.float64 else np.int64(integer).astype(np.float32)
    )
    with np.errstate(over="ignore"):
        held = float(np.asarray(single).astype(dtype.numpy))
    return int(held) if -(2.0**63) <= held < 2.0**63 else -(1 << 63)


def _exact_low(low, dtype):
    """The least bound from `low` on whose samples do not fall below it when they are rounded."""
    held = _as_held(low + 1, dtype)
    if held >= low:
        return low
    return held + (1 << (abs(low + 1).bit_length() - dtype.digits))


def _exact_high(high, dtype):
    """The greatest bound up to `high` whose samples do not reach it when they are rounded."""
    held = _as_held(high - 1, dtype)
    if held < high:
        return high
    return held - (1 << (abs(high - 1).bit_length() - dtype.digits))

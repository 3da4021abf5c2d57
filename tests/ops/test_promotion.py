"""Dtypes: what every pair of operands gives, for an op of every dtype rule; and casts at the edges.

What PyTorch answered is recorded in `promotion.txt` beside this file, so that the rules are checked
where it is not installed; `python tests/ops/test_promotion.py` records it anew.
"""

import itertools
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

import numbatorch

RECORDED = Path(__file__).with_name("promotion.txt")

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip

#: One op of every dtype rule, and of everything that is refused.
OPS = {
    "add": lambda t, x, y: t.add(x, y),
    "sub": lambda t, x, y: t.sub(x, y),
    "add with alpha": lambda t, x, y: t.add(x, y, alpha=2),
    "mul": lambda t, x, y: t.mul(x, y),
    "div": lambda t, x, y: t.div(x, y),
    "floor_divide": lambda t, x, y: t.floor_divide(x, y),
    "remainder": lambda t, x, y: t.remainder(x, y),
    "pow": lambda t, x, y: t.pow(x, y),
    "float_power": lambda t, x, y: t.float_power(x, y),
    "eq": lambda t, x, y: t.eq(x, y),
    "lt": lambda t, x, y: t.lt(x, y),
    "maximum": lambda t, x, y: t.maximum(x, y),
    "atan2": lambda t, x, y: t.atan2(x, y),
    "copysign": lambda t, x, y: t.copysign(x, y),
    "logical_and": lambda t, x, y: t.logical_and(x, y),
    "bitwise_and": lambda t, x, y: t.bitwise_and(x, y),
    "bitwise_left_shift": lambda t, x, y: t.bitwise_left_shift(x, y),
    "gcd": lambda t, x, y: t.gcd(x, y),
    "where": lambda t, x, y: t.where(t.tensor([True, False, True]), x, y),
    "cat": lambda t, x, y: t.cat([x.reshape(-1), y.reshape(-1)]),
    "operator": lambda t, x, y: x * y + x,
    "mul_": lambda t, x, y: x.clone().mul_(y),
    "add_": lambda t, x, y: x.clone().add_(y),
    "copy_": lambda t, x, y: x.clone().copy_(y),
    "fill_": lambda t, x, y: x.clone().fill_(y),
    "out": lambda t, x, y: t.add(x, x, out=t.empty(3, dtype=y.dtype)),
    "result_type": lambda t, x, y: t.empty(0, dtype=t.result_type(x, y)),
    "matmul": lambda t, x, y: t.matmul(x, y),
    "clamp": lambda t, x, y: t.clamp(x, y),
    "addcmul": lambda t, x, y: t.addcmul(x, y, y),
    "lerp": lambda t, x, y: t.lerp(x, y, 0.5),
}  # fmt: skip

UNARY = {
    name: (lambda t, x, _, name=name: getattr(t, name)(x))
    for name in (
        "abs", "neg", "sign", "sgn", "sqrt", "exp", "floor", "trunc", "square", "reciprocal",
        "sigmoid", "relu", "isnan", "isfinite", "signbit", "logical_not", "bitwise_not", "angle",
        "sum", "mean", "prod", "max", "argmax", "amax", "any", "all", "var", "cumsum", "cumprod",
        "logsumexp", "norm", "sort", "erf", "lgamma", "deg2rad", "nan_to_num", "median",
    )
}  # fmt: skip
UNARY["softmax"] = lambda t, x, _: t.softmax(x, 0)
UNARY["dot"] = lambda t, x, _: t.dot(x, x)

VALUES = (1, 3, 2)

#: How the second operand is given.
KINDS = ("tensor", "0-d", "0-d first", "number", "number first")

NUMBERS = {"bool": True, "int64": 2, "float32": 1.5, "complex64": 2j}


def _tensor(torch, dtype, values=VALUES):
    return torch.tensor(values).to(getattr(torch, dtype))


def operands(torch, kind, first, second):
    """Two operands of the kind."""
    if "number" in kind:
        other = NUMBERS[second]
    else:
        other = _tensor(torch, second, VALUES if kind == "tensor" else 2)
    mine = _tensor(torch, first)
    return (other, mine) if kind.endswith("first") else (mine, other)


def answer(torch, op, pair):
    """The result, or the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = op(torch, *pair)
        except Exception as error:
            return error
    return result[0] if isinstance(result, tuple) else result


def short(found):
    """A dtype, or the type of an exception, as it is recorded."""
    if isinstance(found, Exception):
        # A number where PyTorch wants a tensor is a TypeError there; without a check, here, this.
        return "TypeError" if isinstance(found, AttributeError) else type(found).__name__
    return str(found.dtype).removeprefix("torch.")


GROUPS = [(name, kind) for name in OPS for kind in KINDS] + [(name, "alone") for name in UNARY]

#: How an answer is written down: one letter.
LETTERS = dict(zip((*DTYPES, "complex32"), "bBacilhHfdFDx")) | {
    "RuntimeError": "!", "NotImplementedError": "?", "TypeError": "T", "IndexError": "I",
}  # fmt: skip


def pairs(kind):
    """The pairs of dtypes of a group; the first is None where there is one operand."""
    if kind == "alone":
        return [(None, dtype) for dtype in DTYPES]
    seconds = NUMBERS if "number" in kind else DTYPES
    return list(itertools.product(DTYPES, seconds))


def answers(torch, name, kind):
    """What an op answers to every pair of dtypes."""
    op = OPS.get(name) or UNARY[name]
    for first, second in pairs(kind):
        if kind == "alone":
            yield answer(torch, op, (_tensor(torch, second), None))
        else:
            yield answer(torch, op, operands(torch, kind, first, second))


def is_known_difference(name, kind, first, second):
    """Where numbatorch answers otherwise on purpose: `docs/differences.md`."""
    if (name, kind) == ("out", "number first"):
        return True  # the sum of two numbers is no tensor here
    return first == "float16" and "complex" in second and kind != "tensor"  # no complex32


def record():
    import torch

    with RECORDED.open("w") as file:
        for name, kind in GROUPS:
            letters = "".join(LETTERS[short(found)] for found in answers(torch, name, kind))
            file.write(f"{name}, {kind}: {letters}\n")


def recorded():
    lines = (line.strip().split(": ") for line in RECORDED.read_text().splitlines())
    return dict(lines)


@pytest.mark.parametrize("name, kind", GROUPS, ids=[f"{name}, {kind}" for name, kind in GROUPS])
def test_dtypes_are_those_recorded(name, kind):
    expected = recorded()[f"{name}, {kind}"]
    found = answers(numbatorch, name, kind)
    for (first, second), result, letter in zip(pairs(kind), found, expected, strict=True):
        if not is_known_difference(name, kind, first, second):
            assert LETTERS[short(result)] == letter, f"{first}, {second}: {result!r}"


def host(x):
    x = x.detach()
    return (x.float() if "bfloat16" in str(x.dtype) else x).numpy()


@pytest.mark.parametrize("name, kind", GROUPS, ids=[f"{name}, {kind}" for name, kind in GROUPS])
def test_values_are_pytorchs(name, kind):
    torch = pytest.importorskip("torch")
    theirs, ours = (answers(t, name, kind) for t in (torch, numbatorch))
    for (first, second), a, b in zip(pairs(kind), theirs, ours):
        if is_known_difference(name, kind, first, second):
            continue
        what = f"{first}, {second}: {b!r}, PyTorch {a!r}"
        assert short(a) == short(b), what
        if not isinstance(a, Exception):
            tolerance = 1e-2 if short(a) in ("float16", "bfloat16") else 1e-5
            np.testing.assert_allclose(
                host(b), host(a), rtol=tolerance, atol=tolerance, err_msg=what
            )


@pytest.mark.parametrize("name", ["add", "mul", "div", "eq"])
def test_values_are_numpys(name):
    functions = {"add": np.add, "mul": np.multiply, "div": np.divide, "eq": np.equal}
    for first, second in itertools.product(DTYPES, DTYPES):
        x, y = _tensor(numbatorch, first), _tensor(numbatorch, second)
        result = OPS[name](numbatorch, x, y)
        common = numbatorch.promote_types(x.dtype, y.dtype) if name == "eq" else result.dtype
        expected = functions[name](*(host(z.to(common)) for z in (x, y)))
        tolerance = 1e-2 if result.dtype.itemsize == 2 else 1e-6
        np.testing.assert_allclose(host(result), expected, rtol=tolerance)


def test_promote_types_and_can_cast():
    torch = pytest.importorskip("torch")
    for first, second in itertools.product(DTYPES, DTYPES):
        a, b = ((getattr(t, first), getattr(t, second)) for t in (torch, numbatorch))
        assert repr(torch.promote_types(*a)) == repr(numbatorch.promote_types(*b))
        assert torch.can_cast(*a) == numbatorch.can_cast(*b), (first, second)


@pytest.mark.parametrize("dtype", DTYPES)
def test_properties_of_dtypes(dtype):
    torch = pytest.importorskip("torch")
    a, b = getattr(torch, dtype), getattr(numbatorch, dtype)
    for name in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(a, name) == getattr(b, name), name
    if a.is_complex or dtype in ("float32", "float64"):
        assert repr(a.to_complex()) == repr(b.to_complex())
        assert repr(a.to_real()) == repr(b.to_real())


# Casts --------------------------------------------------------------------------------------------

FLOATS = (
    0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -1.5, 127.0, 128.0, -128.0, -129.0, 255.0, 256.0, 300.0,
    -300.0, 32767.0, 32768.0, -32769.0, 65504.0, 65519.9, 65520.0, 7e4, 2.0**31 - 1, 2.0**31,
    2.0**31 + 5, -(2.0**31) - 1, 2.0**32, 2.0**40 + 7, 2.0**62, 2.0**63, -(2.0**63), -(2.0**64), 1e30,
    -1e30, 1e39, 1e-8, 6e-8, 1e-40, 1e-46, 3.4028235e38, math.inf, -math.inf, math.nan,
)  # fmt: skip
INTEGERS = (
    0, 1, -1, 2, 127, 128, -128, -129, 255, 256, 32767, 32768, -32769, 65535, 65536, 2**24 + 1,
    2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53 + 1, 2**62, 2**63 - 1, -(2**63),
)  # fmt: skip


def edges(dtype):
    """A NumPy array of the values at which casts from `dtype` go wrong; float32 for bfloat16."""
    if dtype == "bool":
        return np.array([True, False])
    with np.errstate(all="ignore"):
        if "complex" in dtype:
            parts = [complex(a, b) for a in FLOATS for b in (0.0, 1.0, math.nan)]
            return np.array(parts).astype(dtype)
        if "float" in dtype:
            return np.array(FLOATS).astype("float32" if dtype == "bfloat16" else dtype)
    return np.array(INTEGERS, dtype=np.int64).astype(dtype)


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_casts_at_the_edges(source):
    torch = pytest.importorskip("torch")
    theirs, ours = (t.from_numpy(edges(source)).to(getattr(t, source)) for t in (torch, numbatorch))
    for target in DTYPES:
        expected = host(theirs.to(getattr(torch, target)))
        found = host(ours.to(getattr(numbatorch, target)))
        as_text = [list(map(repr, x.tolist())) for x in (found, expected)]
        assert as_text[0] == as_text[1], f"{source} to {target}"
        with_gaps = numbatorch.stack([ours, ours], 1)[:, 1].to(getattr(numbatorch, target))
        assert list(map(repr, host(with_gaps).tolist())) == as_text[1], f"{source} to {target}"


@pytest.mark.parametrize("source", DTYPES)
def test_casts_of_what_fits_are_numpys(source):
    values = np.array([0, 1, 1, 0] if source == "bool" else [0, 1, 2, 100])
    x = numbatorch.from_numpy(values).to(getattr(numbatorch, source))
    for target in DTYPES:
        expected = host(x).real.astype("float32" if target == "bfloat16" else target)
        np.testing.assert_array_equal(host(x.to(getattr(numbatorch, target))), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_that_do_not_fit(dtype):
    torch = pytest.importorskip("torch")
    numbers = (255, 256, -1, -129, 2**31, 2**40, 1.5, 1e39, math.nan, math.inf, 1j, 2 + 0j, True)
    calls = {
        "tensor": lambda t, d, n: t.tensor(n, dtype=d),
        "full": lambda t, d, n: t.full((2,), n, dtype=d),
        "fill_": lambda t, d, n: t.zeros(2, dtype=d).fill_(n),
        "add": lambda t, d, n: t.ones(2, dtype=d).add(n),
        "mul_": lambda t, d, n: t.ones(2, dtype=d).mul_(n),
        "eq": lambda t, d, n: t.ones(2, dtype=d).eq(n),
        "set item": lambda t, d, n: t.ones(2, dtype=d).__setitem__(0, n),
    }
    for (name, call), number in itertools.product(calls.items(), numbers):
        if dtype == "float16" and isinstance(number, complex) and name == "add":
            continue  # there is no complex32
        if name == "set item" and "16" in dtype:
            continue  # PyTorch writes infinity
        if name == "add" and "complex" in dtype and number in (1e39, math.inf):
            continue  # PyTorch multiplies by alpha, 1 + 0j, and gets a NaN beside the infinity
        theirs, ours = (
            answer(t, lambda t, n=number, c=call: c(t, getattr(t, dtype), n), ())
            for t in (torch, numbatorch)
        )
        what = f"{name}, {dtype}, {number}: {ours!r}, PyTorch {theirs!r}"
        if theirs is None:
            assert ours is None, what
            continue
        assert short(ours) == short(theirs), what
        if not isinstance(theirs, Exception):
            np.testing.assert_allclose(host(ours), host(theirs), rtol=1e-2, err_msg=what)


if __name__ == "__main__":
    record()

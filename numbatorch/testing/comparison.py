"""`assert_close`: AssertionError where two results differ by more than rounding."""

from collections.abc import Mapping, Sequence

import numpy as np

from .. import creation, dtypes, graph

#: dtype -> (relative, absolute) tolerance; equality for all others.
_TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


def assert_close(
    actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False,
    check_device=True, check_dtype=True, check_layout=True, check_stride=False, msg=None,
):  # fmt: skip
    """AssertionError where |actual - expected| > atol + rtol |expected|, or the forms differ.

    Sequences and mappings are compared item by item.
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "rtol and atol must both be specified or both be unspecified, "
            f"but got rtol={rtol} and atol={atol} instead."
        )
    checks = {"device": check_device, "dtype": check_dtype, "stride": check_stride}
    problem = _difference(actual, expected, rtol, atol, equal_nan, checks, "")
    if problem is not None:
        raise AssertionError(msg(problem) if callable(msg) else msg or problem)


def _difference(actual, expected, rtol, atol, equal_nan, checks, place):
    """What is different, as text; None where nothing is."""
    rest = rtol, atol, equal_nan, checks
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        if set(actual) != set(expected):
            return f"The keys of the mappings do not match{place}: {sorted(map(str, actual))} != {sorted(map(str, expected))}"
        pairs = [(key, actual[key], expected[key]) for key in expected]
    elif _is_sequence(expected) and _is_sequence(actual):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch{place}: {len(actual)} != {len(expected)}"
        pairs = [(i, *items) for i, items in enumerate(zip(actual, expected))]
    else:
        return _leaf_difference(actual, expected, *rest, place)
    for key, a, b in pairs:
        problem = _difference(a, b, *rest, f"{place}[{key!r}]")
        if problem is not None:
            return (
                problem
                if "The failure occurred" in problem or place
                else f"{problem}\n\nThe failure occurred for item [{key!r}]"
            )
    return None


def _is_sequence(value):
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _leaf_difference(actual, expected, rtol, atol, equal_nan, checks, place):
    if actual is None or expected is None:
        return None if actual is expected else f"Expected {expected} but got {actual}."
    if isinstance(expected, str):
        return None if actual == expected else f"Expected {expected!r} but got {actual!r}."
    numbers = isinstance(actual, int | float | complex) and isinstance(
        expected, int | float | complex
    )
    a, b = _tensor(actual), _tensor(expected)
    if not numbers:
        problem = _form_difference(a, b, checks)
        if problem is not None:
            return problem
    elif type(actual) is not type(expected):
        return None if actual == expected else f"Expected {expected} but got {actual}."
    tolerance = _tolerance(a, b, rtol, atol)
    return _value_difference(a, b, *tolerance, equal_nan, "Scalars" if numbers else "Tensor-likes")


def _tensor(value):
    if isinstance(value, graph.Value):
        return value.detach()
    if isinstance(value, float):
        return creation.tensor(value, dtype=dtypes.float64)
    try:
        return creation.as_tensor(value)
    except Exception as error:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(value)}"
        ) from error


def _form_difference(a, b, checks):
    if a.shape != b.shape:
        return f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}."
    if checks["device"] and a.device != b.device:
        return f"The values for attribute 'device' do not match: {a.device} != {b.device}."
    if checks["dtype"] and a.dtype is not b.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}."
    if checks["stride"] and a.stride() != b.stride():
        return f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}."
    return None


def _tolerance(a, b, rtol, atol):
    if rtol is not None:
        return rtol, atol
    found = [_TOLERANCES.get(x.dtype.name, (0.0, 0.0)) for x in (a, b)]
    return max(r for r, _ in found), max(t for _, t in found)


def _host(x):
    x = x.cpu()
    return (x.float() if x.dtype.is_half else x).numpy()


def _value_difference(a, b, rtol, atol, equal_nan, what):
    a, b = _host(a), _host(b)
    wide = np.complex128 if a.dtype.kind == "c" or b.dtype.kind == "c" else np.float64
    if a.dtype.kind in "iub" and b.dtype.kind in "iub" and not (rtol or atol):
        close = a == b
    else:
        close = np.isclose(a.astype(wide), b.astype(wide), rtol, atol, equal_nan)
    if close.all():
        return None
    with np.errstate(all="ignore"):
        distance = np.abs(a.astype(wide) - b.astype(wide))
        relative = distance / np.abs(b.astype(wide))
    equality = not (rtol or atol)
    lines = [f"{what} are not {'equal' if equality else 'close'}!", ""]
    if not a.ndim:
        lines[1:] = ["", f"Expected {b.item()} but got {a.item()}."]
    else:
        count = int((~close).sum())
        lines.append(f"Mismatched elements: {count} / {a.size} ({100 * count / a.size:.1f}%)")
    for name, values, allowed in (("absolute", distance, atol), ("relative", relative, rtol)):
        values = np.where(close, -1, np.nan_to_num(values, nan=np.inf))
        index = np.unravel_index(int(values.argmax()), values.shape)
        where = f" at index {tuple(int(i) for i in index)}" if a.ndim else ""
        limit = "" if equality else f" (up to {allowed} allowed)"
        lines.append(f"Greatest {name} difference: {values[index]}{where}{limit}")
    return "\n".join(lines)

"""Calls drawn at random from the samples of the ops, made odd, and run in both frameworks.

A call is drawn as a description (`Drawn` tensors, names of dtypes, numbers), which `build` turns into
the arguments of either framework, so that both see the same values under the same strides.
"""

import math
import warnings

import numpy as np
from op_table import Maker, rows

import numbatorch
from numbatorch.ops.elementwise import Elementwise
from numbatorch.ops.registry import FUNCTIONS, METHODS, Sample

DTYPES = (
    "float64", "float32", "int64", "bool", "uint8", "complex128", "bfloat16", "float16", "int32",
    "int8", "int16", "complex64",
)  # fmt: skip

#: What elements may be replaced by, by kind of dtype.
SPECIAL = {
    "f": (0.0, -0.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf, 1e30, 1e-40),
    "c": (0.0, 1.0, 1j, -1.0, complex(math.nan, 0), complex(math.inf, 1), complex(0, -math.inf)),
    "i": (0, 1, -1, 127, -128, 2**31 - 1, -(2**63), 2**63 - 1),
    "u": (0, 1, 127, 128, 255),
    "b": (False, True),
}


class Drawn:
    """A tensor as it will be built: values, dtype, layout in memory, whether it wants a gradient."""

    def __init__(self, values, dtype, requires_grad=False, layout="dense"):
        self.values = values
        self.dtype = dtype
        self.requires_grad = requires_grad
        self.layout = layout

    @property
    def shape(self):
        return self.values.shape

    def __repr__(self):
        tail = ", requires_grad" if self.requires_grad else ""
        values = np.array2string(self.values, threshold=20, separator=",").replace("\n", "")
        return f"<{self.dtype}{list(self.shape)} {self.layout}{tail} {values}>"

    def with_values(self, values):
        return Drawn(values, self.dtype, self.requires_grad, self.layout)

    def with_dtype(self, dtype):
        """The values in another dtype, where they stay what C and NumPy agree on."""
        kind = _numpy_dtype(dtype).kind
        values = self.values
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if values.dtype.kind == "c" and kind != "c":
                values = values.real
            if values.dtype.kind == "f" and kind in "iub":
                values = np.nan_to_num(np.round(2 * values), posinf=3, neginf=-3)
            if kind == "u":
                values = np.abs(values)
            values = values.astype(_numpy_dtype(dtype))
        wants = self.requires_grad and kind in "fc"
        return Drawn(values, dtype, wants, self.layout)

    def build(self, framework):
        """The tensor in `framework`, a module."""
        shape = self.shape
        strides, offset, length = _LAYOUTS[self.layout](shape)
        storage = np.zeros(length, self.values.dtype)
        if 0 not in shape:
            step = storage.itemsize
            window = np.ndarray(
                shape, storage.dtype, storage, offset * step, [s * step for s in strides]
            )
            window[...] = self.values
        result = framework.from_numpy(storage)
        if self.dtype == "bfloat16":
            result = result.to(framework.bfloat16)
        result = result.as_strided(shape, strides, offset)
        return result.requires_grad_() if self.requires_grad else result


def _numpy_dtype(name):
    return np.dtype("float32" if name == "bfloat16" else name)


def _strides(shape):
    strides = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * max(shape[d + 1], 1)
    return strides


def _dense(shape):
    return _strides(shape), 0, math.prod(shape)


def _behind_others(shape):
    return _strides(shape), 3, math.prod(shape) + 3


def _gaps(shape):
    return [2 * s for s in _strides(shape)], 0, 2 * math.prod(shape) + 1


def _reversed_dims(shape):
    return _strides(shape[::-1])[::-1], 0, math.prod(shape)


def _expanded(shape):
    """The first dimension repeats one slice."""
    strides = _strides(shape)
    return [0, *strides[1:]] if shape else strides, 0, max(math.prod(shape), 1)


_LAYOUTS = {
    "dense": _dense, "offset": _behind_others, "gaps": _gaps, "reversed": _reversed_dims,
    "expanded": _expanded,
}  # fmt: skip


class Named:
    """A dtype, by its name."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


def describe(item):
    """A sample's argument as a description."""
    if isinstance(item, numbatorch.Tensor):
        values = item.detach()
        half = values.dtype is numbatorch.bfloat16
        values = np.array((values.float() if half else values).numpy())
        return Drawn(values, item.dtype.name, item.requires_grad)
    if isinstance(item, numbatorch.dtype):
        return Named(item.name)
    if isinstance(item, list | tuple) and not hasattr(item, "_fields"):
        return type(item)(describe(member) for member in item)
    if isinstance(item, dict):
        return {key: describe(member) for key, member in item.items()}
    return item


def build(item, framework):
    """A description as an argument of `framework`."""
    if isinstance(item, Drawn):
        return item.build(framework)
    if isinstance(item, Named):
        return getattr(framework, item.name)
    if isinstance(item, list | tuple):
        return type(item)(build(member, framework) for member in item)
    if isinstance(item, dict):
        return {key: build(member, framework) for key, member in item.items()}
    return item


def paths(item, kind, prefix=()):
    """Where in a description the members of a kind are."""
    if isinstance(item, kind):
        yield prefix
    elif isinstance(item, list | tuple):
        for i, member in enumerate(item):
            yield from paths(member, kind, (*prefix, i))
    elif isinstance(item, dict):
        for key, member in item.items():
            yield from paths(member, kind, (*prefix, key))


def at(item, path):
    for key in path:
        item = item[key]
    return item


def replaced(item, path, value):
    """The description with one member replaced."""
    if not path:
        return value
    key, *rest = path
    member = replaced(item[key], rest, value)
    if isinstance(item, dict):
        return {**item, key: member}
    return type(item)([*item[:key], member, *item[key + 1 :]])


# Making a call odd: each function takes the call (args, kwargs) and a random.Random --------------


def _tensors(call):
    return list(paths(call, Drawn))


def _pick(random, call):
    found = _tensors(call)
    return random.choice(found) if found else None


def change_every_dtype(random, call):
    """Every tensor that has the dtype of one of them gets another."""
    path = _pick(random, call)
    if path is None:
        return call
    old, new = at(call, path).dtype, random.choice(DTYPES)
    for path in _tensors(call):
        if at(call, path).dtype == old:
            call = replaced(call, path, at(call, path).with_dtype(new))
    return call


def change_dtype(random, call):
    path = _pick(random, call)
    if path is None:
        return call
    return replaced(call, path, at(call, path).with_dtype(random.choice(DTYPES)))


def change_every_size(random, call):
    """Every dimension of one size gets another."""
    sizes = sorted({size for path in _tensors(call) for size in at(call, path).shape})
    if not sizes:
        return call
    old, new = random.choice(sizes), random.choice((0, 1, 2, 3, 7))
    for path in _tensors(call):
        drawn = at(call, path)
        shape = tuple(new if size == old else size for size in drawn.shape)
        call = replaced(call, path, drawn.with_values(_resized(drawn.values, shape)))
    return call


def change_shape(random, call):
    """One tensor gets another size, loses a dimension or gains one."""
    path = _pick(random, call)
    if path is None:
        return call
    drawn = at(call, path)
    shape = list(drawn.shape)
    way = random.choice(("number", "size", "drop", "add"))
    if way == "number":
        shape = []
    elif way == "add":
        shape.insert(random.choice((0, len(shape))), random.choice((0, 1, 2)))
    elif shape and way == "drop":
        shape.pop(random.randrange(len(shape)))
    elif shape:
        shape[random.randrange(len(shape))] = random.choice((0, 1, 2, 5))
    return replaced(call, path, drawn.with_values(_resized(drawn.values, tuple(shape))))


def _resized(values, shape):
    return np.resize(values, shape) if values.size else np.zeros(shape, values.dtype)


def change_layout(random, call):
    path = _pick(random, call)
    if path is None:
        return call
    drawn = at(call, path)
    layout = random.choice(list(_LAYOUTS))
    values = drawn.values
    if layout == "expanded" and drawn.shape and drawn.shape[0]:
        values = np.broadcast_to(values[:1], values.shape)
    return replaced(call, path, Drawn(values, drawn.dtype, drawn.requires_grad, layout))


def change_values(random, call):
    path = _pick(random, call)
    if path is None:
        return call
    drawn = at(call, path)
    if not drawn.values.size or drawn.layout == "expanded":
        return call
    values = drawn.values.copy()
    choices = SPECIAL[values.dtype.kind]
    with np.errstate(all="ignore"):
        for _ in range(random.choice((1, 1, 2, values.size))):
            new = np.array(random.choice(choices)).astype(values.dtype)
            values.flat[random.randrange(values.size)] = new
    return replaced(call, path, drawn.with_values(values))


def change_finite_values(random, call):
    """As `change_values`, of numbers that arithmetic takes back to numbers."""
    changed = change_values(random, call)
    finite = all(
        np.isfinite(at(changed, path).values).all() and _is_moderate(at(changed, path).values)
        for path in _tensors(changed)
    )
    return changed if finite else call


def _is_moderate(values):
    return values.dtype.kind in "iub" or not values.size or 1e-30 < np.abs(values).max() < 1e10


def change_number(random, call):
    """One argument that is no tensor gets another value."""
    found = list(paths(call, bool | int | float | str | None))
    if not found:
        return call
    path = random.choice(found)
    old = at(call, path)
    if isinstance(old, bool):
        new = not old
    elif isinstance(old, int):
        new = random.choice((0, 1, -1, 2, -2, -3, old + 1, old - 1, 100, 0.5))
    elif isinstance(old, float):
        new = random.choice((0.0, 1.0, -1.0, 0.5, math.inf, math.nan, 2, True))
    elif isinstance(old, str):
        new = random.choice(("none", "mean", "sum", "constant", "nonsense"))
    else:
        new = random.choice((0, 1, None))
    return replaced(call, path, new)


def change_to_number(random, call):
    """A tensor becomes a Python number."""
    path = _pick(random, call)
    return call if path is None else replaced(call, path, random.choice((0, 2, -1, 1.5, True, 1j)))


CHANGES = (
    change_every_dtype, change_every_dtype, change_dtype, change_every_size, change_every_size,
    change_shape, change_layout, change_values, change_number, change_to_number,
)  # fmt: skip

#: Without infinities, NaNs, and what becomes one.
MILD = tuple(change_finite_values if change is change_values else change for change in CHANGES)


class Target:
    """A function here and in PyTorch, and the calls (args, kwargs) that both are tried with, described.

    `calls()` makes them.
    """

    def __init__(self, name, function, reference, calls):
        self.name = name
        self.function = function
        self.reference = reference
        self.calls = calls

    @property
    def writes(self):
        """Whether it writes to its first argument."""
        return self.name.endswith("_")


# What is called -------------------------------------------------------------------------------------


def elementwise_samples(op):
    """Samples of an elementwise op that has no gradient."""
    count = len(op.input_names)

    def generate(make):
        yield Sample(*(make(3, 4) for _ in range(count)))
        yield Sample(*(make(*shape) for shape in ((2, 3), (3,), ())[:count]))
        yield Sample(*(make(5, low=0, high=9, dtype=numbatorch.int64) for _ in range(count)))

    return generate


def targets():
    """name -> sample generator, of everything public that has samples."""
    found = {}
    for name, _, generate in rows():
        if name in FUNCTIONS or name in METHODS:
            found[name] = generate
    for name, function in FUNCTIONS.items():
        if name not in found and isinstance(function, Elementwise):
            found[name] = elementwise_samples(function)
    found.update({name: generate for name, generate in MORE_SAMPLES.items() if name not in found})
    for name in list(found):
        if f"{name}_" in METHODS and f"{name}_" not in found:
            found[f"{name}_"] = found[name]
    return found


def _samples(*calls):
    def generate(make):
        for call in calls:
            yield call(make)

    return generate


def _int(make, *shape, low=0, high=9):
    return make(*shape, low=low, high=high, dtype=numbatorch.int64)


def _bool(make, *shape):
    return make(*shape, dtype=numbatorch.bool)


def S(*args, **kwargs):
    """A sample whose callables are called with the maker."""

    def fill(make, item):
        return item(make) if callable(item) and not isinstance(item, type) else item

    return lambda make: Sample(
        *(fill(make, x) for x in args), **{name: fill(make, x) for name, x in kwargs.items()}
    )


def F(*shape, **kwargs):
    """A random tensor of float64."""
    return lambda make: make(*shape, **kwargs)


def I(*shape, low=0, high=9):  # noqa: E743
    """A random tensor of int64."""
    return lambda make: _int(make, *shape, low=low, high=high)


def B(*shape):
    """A random tensor of bool."""
    return lambda make: _bool(make, *shape)


_SPLIT = (S(F(6, 4), 2), S(F(6, 4), 2, 1))
_OF_ONE = (S(F(2, 3)), S(F()), S(I(4)), S(F(0, 2)))
_LIKE = (S(F(2, 3)), S(F(2, 3), dtype=numbatorch.float32))
_REDUCED = (S(F(3, 4)), S(B(3, 4), 1), S(I(3, 4, high=2), 0, True), S(F()))

#: Samples of functions that the op table of gradients does not walk.
MORE_SAMPLES = {
    name: _samples(*calls)
    for name, calls in {
        "adaptive_avg_pool1d": (S(F(2, 3, 5), 2), S(F(3, 5), 1)),
        "adaptive_avg_pool2d": (S(F(2, 3, 5, 4), (2, 3)), S(F(3, 5, 4), 2)),
        "adaptive_avg_pool3d": (S(F(2, 2, 3, 4, 3), (2, 3, 1)),),
        "adaptive_max_pool1d": (S(F(2, 3, 5), 2),),
        "adaptive_max_pool2d": (S(F(2, 3, 5, 4), (2, 3)),),
        "adaptive_max_pool3d": (S(F(2, 2, 3, 4, 3), (2, 3, 1)),),
        "all": _REDUCED,
        "any": _REDUCED,
        "count_nonzero": (S(F(3, 4)), S(I(3, 4, high=2), 0), S(B(3), ())),
        "allclose": (S(F(3), F(3)), S(F(3), F(3), 10.0, 0.5), S(F(2), F(2), equal_nan=True)),
        "isclose": (S(F(3), F(3)), S(F(3, 1), F(2), 10.0, 0.5), S(I(3), I(3))),
        "equal": (S(F(3), F(3)), S(I(3), I(3))),
        "is_same_size": (S(F(3), F(3)), S(F(3), F(3, 1))),
        "arange": (S(5), S(1, 7, 2), S(0.5, 3.0, 0.5), S(3, 0, -1, dtype=numbatorch.float64)),
        "linspace": (S(0, 1, 5), S(-1.5, 2.0, 4, dtype=numbatorch.float64), S(0, 10, 4, dtype=numbatorch.int64)),
        "logspace": (S(0, 1, 5), S(0.0, 3.0, 4, 2.0)),
        "eye": (S(3), S(2, 4), S(3, dtype=numbatorch.int64)),
        "full": (S((2, 3), 1.5), S((2,), 3), S((2,), True), S((1,), 2, dtype=numbatorch.uint8)),
        "full_like": (S(F(2, 3), 1.5), S(I(3), 2)),
        "zeros": (S(2, 3), S((2, 3)), S(0), S((2,), dtype=numbatorch.int8)),
        "ones": (S(2, 3), S((2, 3)), S((2,), dtype=numbatorch.bool)),
        "zeros_like": _LIKE,
        "ones_like": _LIKE,
        "tril_indices": (S(3, 4), S(3, 4, 1), S(2, 3, -1)),
        "triu_indices": (S(3, 4), S(3, 4, 1), S(2, 3, -1)),
        "argsort": (S(F(3, 5)), S(F(3, 5), 0, True), S(I(7), stable=True)),
        "msort": (S(F(3, 5)),),
        "argwhere": (S(I(3, 4, high=2)), S(F(3)), S(F())),
        "nonzero": (S(I(3, 4, high=2)), S(B(3)), S(F()), S(I(3, high=2), as_tuple=True)),
        "as_strided": (S(F(12), (2, 3), (3, 1)), S(F(12), (2, 2), (1, 1), 3)),
        "atleast_1d": _OF_ONE,
        "atleast_2d": _OF_ONE,
        "atleast_3d": _OF_ONE,
        "avg_pool1d": (S(F(2, 3, 6), 2), S(F(2, 3, 7), 3, 2, 1, True, False)),
        "avg_pool2d": (S(F(2, 3, 6, 5), 2), S(F(2, 3, 7, 6), (3, 2), 2, (1, 0), True, False)),
        "avg_pool3d": (S(F(2, 3, 4, 4, 4), 2), S(F(2, 4, 5, 4), 2, 1, 1, True, True, 3)),
        "max_pool1d_with_indices": (S(F(2, 3, 6), 2), S(F(2, 7), 3, 2, 1, 1, True)),
        "max_pool2d_with_indices": (S(F(2, 3, 6, 5), 2), S(F(3, 7, 6), (3, 2), 2, (1, 0), 2)),
        "max_pool3d_with_indices": (S(F(1, 2, 4, 4, 4), 2),),
        "bincount": (S(I(6)), S(I(6), F(6)), S(I(6), minlength=12)),
        "bucketize": (S(F(3, 4), lambda make: make.tensor([-1.0, 0.0, 0.5])), S(I(5), lambda make: make.tensor([1, 3, 7]), right=True, out_int32=True)),
        "searchsorted": (S(lambda make: make.tensor([-1.0, 0.0, 0.5], dtype=numbatorch.float64), F(3, 4)), S(lambda make: make.tensor([[1, 3, 7], [0, 2, 4]]), I(2, 5), right=True)),
        "histc": (S(F(8), 4), S(F(3, 4), 5, -1, 1)),
        "isin": (S(I(3, 4), I(5)), S(F(3), F(2), invert=True), S(I(4), 3)),
        "broadcast_tensors": (S(F(3, 1), F(1, 4)), S(F(), F(2))),
        "broadcast_to": (S(F(3, 1), (2, 3, 4)), S(F(), (3,))),
        "expand": (S(F(3, 1), 3, 4), S(F(1), (2, -1))),
        "celu": (S(F(3, 4)), S(F(3), 0.5)),
        "selu": (S(F(3, 4)),),
        "gelu": (S(F(3, 4)), S(F(3), approximate="tanh")),
        "glu": (S(F(3, 4)), S(F(4, 3), 0)),
        "prelu": (S(F(3, 4), F(4)), S(F(3, 4), F(1))),
        "relu6": (S(F(3, 4)),),
        "softsign": (S(F(3, 4)),),
        "tanhshrink": (S(F(3, 4)),),
        "threshold": (S(F(3, 4), 0.5, 2.0),),
        "clamp": (S(F(3, 4), -0.5, 0.5), S(F(3, 4), F(4), None), S(I(5), 2, 6), S(F(3), F(3), F(3))),
        "clamp_max": (S(F(3, 4), 0.5), S(F(3, 4), F(4))),
        "clamp_min": (S(F(3, 4), 0.5), S(F(3, 4), F(4))),
        "clone": (S(F(3, 4)), S(I())),
        "contiguous": (S(F(3, 4)),),
        "diagonal": (S(F(3, 4)), S(F(3, 4, 2), 1, 0, 2), S(F(3, 4), -1)),
        "dsplit": (S(F(2, 3, 4), 2), S(F(2, 3, 4), (1, 3))),
        "hsplit": (S(F(2, 4), 2), S(F(4), (1, 3))),
        "vsplit": (S(F(4, 2), 2), S(F(4, 2), (1, 3))),
        "split_with_sizes": (S(F(5, 2), (2, 3)), S(F(2, 5), [1, 4, 0], 1)),
        "unsafe_chunk": _SPLIT,
        "unsafe_split": _SPLIT,
        "empty_like": (S(F(0, 3)), S(F(2, 0), dtype=numbatorch.int32)),
        "fliplr": (S(F(3, 4)),),
        "flipud": (S(F(3, 4)), S(F(3))),
        "float_power": (S(F(3, low=0.5), 2.0), S(F(3, 1, low=0.5), F(2)), S(2.0, F(3))),
        "pow": (S(F(3, low=0.5), 2.0), S(F(3, 1, low=0.5), F(2)), S(2.0, F(3)), S(I(4), 3), S(I(4), I(4, high=4)), S(2, I(3))),
        "fix": _OF_ONE,
        "ldexp": (S(F(3), I(3)), S(F(2, 1), F(3))),
        "is_complex": _OF_ONE,
        "is_floating_point": _OF_ONE,
        "is_signed": _OF_ONE,
        "is_nonzero": (S(F(1)), S(I())),
        "numel": _OF_ONE,
        "masked_fill": (S(F(3, 4), B(3, 4), 2.0), S(F(3, 4), B(4), F())),
        "moveaxis": (S(F(2, 3, 4), 0, 2), S(F(2, 3, 4), (0, 1), (1, 2))),
        "permute": (S(F(2, 3, 4), (2, 0, 1)), S(F(2, 3), (-1, 0))),
        "narrow": (S(F(5, 2), 0, 1, 3), S(F(2, 5), -1, -2, 2)),
        "narrow_copy": (S(F(5, 2), 0, 1, 3),),
        "positive": _OF_ONE,
        "ravel": (S(F(2, 3)), S(F())),
        "reshape": (S(F(2, 6), (3, 4)), S(F(2, 6), (-1,)), S(F(2, 6), (4, -1))),
        "view": (S(F(2, 6), (3, 4)), S(F(2, 6), -1), S(F(2, 6), 4, -1)),
        "result_type": (S(F(2), I(3)), S(F(2), 1j), S(1, 2.0)),
        "select": (S(F(3, 4), 0, 1), S(F(3, 4), -1, -2)),
        "squeeze": (S(F(1, 3, 1)), S(F(1, 3, 1), 0), S(F(1, 3, 1), (0, 2))),
        "unsqueeze": (S(F(2, 3), 0), S(F(2, 3), -1)),
        "t": (S(F(2, 3)), S(F(3))),
        "transpose": (S(F(2, 3), 0, 1), S(F(2, 3, 4), -1, 0)),
        "unfold": (S(F(2, 5), 1, 2, 1), S(F(6), 0, 3, 2)),
        "unique": (S(I(8, high=4)), S(I(3, 4, high=2), True, True, True), S(I(4, 2, high=2), dim=0)),
        "unique_consecutive": (S(I(8, high=3)), S(I(4, 2, high=2), True, True, 0)),
        "view_as_complex": (S(F(3, 2)),),
        "vstack": (S([]),),
        "where": (S(B(3, 4), F(3, 4), F(4)), S(B(3), 1.0, F(3)), S(B(3), 1, 2.0), S(B(3, 2))),
        "copy_": (S(F(3, 4), F(4)), S(F(3, 4), F(3, 4))),
        "fill_": (S(F(3, 4), 2.0), S(F(3), F())),
        "zero_": (S(F(3, 4)),),
        "fill_diagonal_": (S(F(3, 4), 2.0), S(F(4, 3), 1.0, True)),
        "expand_as": (S(F(3, 1), F(3, 4)),),
        "view_as": (S(F(3, 4), F(4, 3)),),
        "reshape_as": (S(F(3, 4), F(4, 3)),),
        "sum_to_size": (S(F(3, 4), 1, 4), S(F(3, 4), (4,))),
        "type_as": (S(F(3), I(2)), S(I(3), F(2))),
        "to": (S(F(3), numbatorch.int64), S(I(3), numbatorch.uint8), S(F(3), numbatorch.bool)),
        "new_full": (S(F(3), (2,), 1.5), S(I(3), (2,), 3)),
        "new_ones": (S(F(3), (2,)), S(I(3), 2, 3)),
        "new_zeros": (S(F(3), (2,)), S(I(3), 2, 3)),
        "__setitem__": (S(F(3, 4), 1, 2.0), S(F(3, 4), slice(0, 2), F(4)), S(F(3, 4), I(2, high=3), F(2, 4)), S(F(3, 4), B(3, 4), 1.5)),
        "mvlgamma": (S(F(3, low=2.0, high=5.0), 2),),
        "item": (S(F(1)), S(I())),
        "tolist": (S(F(2, 3)), S(I())),
    }.items()
}  # fmt: skip


#: Where functions are, in PyTorch and here; the name of an op of a module starts with the module's.
PLACES = ("", "nn.functional", "fft", "linalg", "special")


def resolve(name, framework, torch):
    """The function or method of that name where PyTorch has it, as a function; None without one."""
    for place in PLACES:
        path = [*place.split("."), name.removeprefix(f"{place}_")] if place else [name]
        if not name.endswith("_") and _attribute(torch, path) is not None:
            return _attribute(framework, path)
    if hasattr(torch.Tensor, name):
        return lambda self, *args, **kwargs: getattr(self, name)(*args, **kwargs)
    return None


def _attribute(value, path):
    for name in path:
        value = getattr(value, name, None)
    return value


def table_targets(torch):
    """Target of every function that has samples here and a name in PyTorch."""
    for name, generate in sorted(targets().items()):
        function, reference = (resolve(name, framework, torch) for framework in (numbatorch, torch))
        if reference is None:
            continue  # a name of numbatorch's own

        def calls(generate=generate):
            samples = list(generate(Maker()))
            return [describe((list(sample.args), dict(sample.kwargs))) for sample in samples]

        yield Target(name, function, reference, calls)


def draw_call(random, calls, changes=CHANGES):
    """A call (args, kwargs), described: one of those given, changed up to three times."""
    call = random.choice(calls)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        call = random.choice(changes)(random, call)
    return call


# Comparing ------------------------------------------------------------------------------------------

TOLERANCES = {
    "float64": 1e-9, "complex128": 1e-9, "float32": 2e-5, "complex64": 2e-5, "float16": 4e-3,
    "bfloat16": 3e-2,
}  # fmt: skip


def run(function, call, framework, inplace, weigh=None):
    """("value", results, gradients of their sum weighed by `weights`) or ("error", exception)."""
    weigh = weigh or weights
    args, kwargs = build(call[0], framework), build(call[1], framework)
    if inplace:
        leaf = args[0]
        if isinstance(leaf, framework.Tensor) and leaf.requires_grad:
            args[0] = leaf * 1
    framework.manual_seed(42)  # as the functions of the databases do
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*args, **kwargs)
            outputs = list(flatten(result))
            if inplace:
                outputs.append(args[0])
            leaves = [
                x for x in flatten([args, kwargs]) if _differentiable(x, framework) and x.is_leaf
            ]
            if inplace and call[0] and isinstance(call[0][0], Drawn) and call[0][0].requires_grad:
                leaves.append(leaf)
            wanted = [y for y in outputs if _differentiable(y, framework)]
            if inplace:
                wanted = wanted[:1]
            gradients = []
            if wanted and leaves and all(y.is_complex() or y.is_floating_point() for y in wanted):
                ramps = [weigh(y, framework) for y in wanted]
                gradients = framework.autograd.grad(wanted, leaves, ramps, allow_unused=True)
                gradients = [
                    framework.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves)
                ]
    except Exception as error:
        return "error", error
    return "value", outputs, gradients


def _differentiable(x, framework):
    return isinstance(x, framework.Tensor) and x.requires_grad


def weights(y, framework):
    ramp = np.cos(np.arange(y.numel(), dtype=np.float64)).reshape(tuple(y.shape))
    return framework.from_numpy(np.array(ramp)).to(y.dtype)


def flatten(value):
    if isinstance(value, list | tuple):
        for item in value:
            yield from flatten(item)
    elif isinstance(value, dict):
        yield from flatten(list(value.values()))
    else:
        yield value


def host(x, framework):
    x = x.detach().resolve_conj().resolve_neg()
    if framework is not numbatorch and x._is_zerotensor():
        x = x.clone()
    return (x.float() if x.dtype is framework.bfloat16 else x).numpy()


def difference(theirs, ours, torch, call):
    """None where the two outcomes agree; else (kind, text)."""
    coarsest = max([TOLERANCES.get(at(call, path).dtype, 0) for path in _tensors(call)], default=0)
    if theirs[0] == "error":
        if ours[0] != "error":
            return "accepts", f"PyTorch: {theirs[1]!r}"
        if type(theirs[1]) is TypeError and type(ours[1]) is AttributeError:
            return None  # a number stands for a tensor
        if type(theirs[1]).__name__ != type(ours[1]).__name__:
            return "error type", f"{ours[1]!r}; PyTorch: {theirs[1]!r}"
        return None
    if ours[0] == "error":
        return "refuses", repr(ours[1])
    for part, what in ((1, ""), (2, "gradient ")):
        if len(theirs[part]) != len(ours[part]):
            return f"{what}count", f"{len(ours[part])}, PyTorch {len(theirs[part])}"
        for a, b in zip(theirs[part], ours[part]):
            found = compare(a, b, torch, coarsest if part == 2 else 0)
            if found:
                return what + found[0], found[1]
    return None


def compare(a, b, torch, coarsest=0):
    if not isinstance(a, torch.Tensor):
        if isinstance(b, numbatorch.Tensor):
            return "type", f"a tensor; PyTorch {a!r}"
        if isinstance(a, float) and isinstance(b, float) and np.isclose(a, b, equal_nan=True):
            return None
        same = str(a) == str(b)
        return None if same else ("result", f"{b!r}; PyTorch {a!r}")
    if not isinstance(b, numbatorch.Tensor):
        return "type", f"{b!r}; PyTorch a tensor"
    if str(a.dtype) != str(b.dtype):
        return "dtype", f"{b.dtype}; PyTorch {a.dtype}"
    if tuple(a.shape) != tuple(b.shape):
        return "shape", f"{tuple(b.shape)}; PyTorch {tuple(a.shape)}"
    inexact = a.is_floating_point() or a.is_complex()
    if inexact and a.numel() and a.requires_grad != b.requires_grad:
        return "requires_grad", f"{b.requires_grad}; PyTorch {a.requires_grad}"
    x, y = host(a, torch), host(b, numbatorch)
    tolerance = TOLERANCES.get(b.dtype.name, 0)
    if tolerance:
        tolerance = max(tolerance, coarsest)
    with np.errstate(all="ignore"):
        if np.allclose(y, x, rtol=tolerance, atol=tolerance, equal_nan=True):
            return None
    return "VALUES", f"{y.tolist()}; PyTorch {x.tolist()}"[:600]

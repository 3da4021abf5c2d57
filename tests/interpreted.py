"""CPU kernels as plain Python: `python -m pytest --interpret tests/...` runs them so.

Compiled code leaves no trace that a coverage tool or a debugger could follow. Here the few things
that Python cannot do by itself, the intrinsics, get a Python meaning, and a launch calls the kernel's
function in place of its machine code; the builtins that launch it are Python too
(`interpreted_builtins.py`). So branches of kernels and formulas are counted, breakpoints in them are
hit, an index beyond the end of a span raises IndexError, and memory that a kernel reads before it
wrote to it holds NaNs. It is some thousand times slower: for small shapes.

Load it before anything was called.
"""

import cmath
import contextlib
import ctypes
import importlib
import itertools
import math
import pkgutil
import threading
from types import FunctionType

import interpreted_builtins
import numba
import numpy as np
from llvmlite import ir
from numba.core.extending import _Intrinsic
from numba.core.typing.templates import builtin_registry
from numba.np.numpy_support import as_dtype

from numbatorch import cpu_kernels, cpu_target, formulas
from numbatorch.cpu_kernels import native, vectors
from numbatorch.formulas import arithmetic, circular, exponential, library, power

# Memory -----------------------------------------------------------------------------------------


def _dtype(element):
    return as_dtype(element) if isinstance(element, numba.types.Type) else np.dtype(element)


class Span(np.ndarray):
    """An array that can be viewed as elements of a Numba type."""

    def view(self, element):
        return super().view(element if isinstance(element, type) else _dtype(element))


class Place(Span):
    """A span of one element, as kernels have it that reach others at offsets they were given."""

    def __getitem__(self, index):
        if isinstance(index, slice) or index == 0:
            return super().__getitem__(index)
        return array_at(self.ctypes.data + int(index) * self.itemsize, (1,), self.dtype)[0]

    def __setitem__(self, index, value):
        if isinstance(index, slice) or index == 0:
            super().__setitem__(index, value)
        else:
            array_at(self.ctypes.data + int(index) * self.itemsize, (1,), self.dtype)[0] = value


def array_at(address, shape, element):
    """The memory at `address` as a NumPy array."""
    dtype = _dtype(element)
    shape = tuple(int(size) for size in shape)
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes <= 0:
        return np.empty(shape, dtype)
    memory = (ctypes.c_char * nbytes).from_address(int(address))
    return np.frombuffer(memory, dtype).reshape(shape).view(Place if shape == (1,) else Span)


class _Frames(threading.local):
    """The scratch memory of the kernels that are running."""

    def __init__(self):
        self.rooms = []

    def room(self, nbytes):
        """The address of so many bytes of NaNs, which last until the kernel has returned."""
        memory = np.full(int(nbytes) + 64, 0xFF, np.uint8)
        self.rooms.append(memory)
        return (memory.ctypes.data + 63) // 64 * 64

    @contextlib.contextmanager
    def one(self):
        """For the time of a kernel or a builtin."""
        outer = len(self.rooms)
        try:
            yield
        finally:
            del self.rooms[outer:]


_frames = _Frames()


def _written(value):
    """A number as the array that holds it in memory, of the type that Numba would give it."""
    if isinstance(value, np.generic):
        return value
    return {bool: np.bool_, int: np.int64, float: np.float64, complex: np.complex128}[type(value)](
        value
    )


def _write(address, index, value):
    value = _written(value)
    array_at(address + index * value.itemsize, (1,), value.dtype)[0] = value


# The vector code of a tile, instruction by instruction -----------------------------------------------


class _Pointer:
    """An address, and the type of what lies there."""

    def __init__(self, address, dtype):
        self.address, self.dtype = int(address), np.dtype(dtype)

    def on(self, count):
        return _Pointer(self.address + int(count) * self.dtype.itemsize, self.dtype)


def _number(value):
    return value.constant if isinstance(value, ir.Constant) else value


class _Builder:
    """What llvmlite's IRBuilder does with scalars, done at once."""

    _dtypes = {ir.FloatType(): np.float32, ir.DoubleType(): np.float64}

    def mul(self, x, y):
        return _number(x) * _number(y)

    def add(self, x, y):
        return _number(x) + _number(y)

    fadd = add

    def sub(self, x, y):
        return _number(x) - _number(y)

    def sdiv(self, x, y):
        return _number(x) // _number(y)

    def sitofp(self, x, kind):
        return self._dtypes[kind](_number(x))

    def icmp_signed(self, comparison, x, y):
        assert comparison == "<"
        return _number(x) < _number(y)

    def select(self, condition, x, y):
        return _number(x) if condition else _number(y)

    def inttoptr(self, address, kind):
        return _Pointer(_number(address), self._dtypes.get(kind.pointee, np.int64))

    def bitcast(self, pointer, kind):
        return self.inttoptr(pointer.address, kind)

    def gep(self, pointer, places):
        return pointer.on(_number(places[0]))

    def load(self, pointer):
        return array_at(pointer.address, (1,), pointer.dtype)[0]

    def store(self, value, pointer):
        array_at(pointer.address, (1,), pointer.dtype)[0] = value


class Emitter:
    """vectors.Emitter, whose vectors are NumPy arrays and which computes what the other emits."""

    def __init__(self, element):
        self.builder = _Builder()
        self.element = vectors._LLVM[element]
        self.dtype = as_dtype(element)
        self.size = self.dtype.itemsize
        self.lanes = vectors.lanes(element)
        self.vector = ir.VectorType(self.element, self.lanes)

    def pointer(self, address):
        return _Pointer(_number(address), np.int8)

    def at(self, pointer, offset):
        return pointer.on(_number(offset))

    def _vector_at(self, pointer, count):
        return array_at(pointer.address, (count,), self.dtype)

    def load(self, pointer):
        return self.load_run(self.lanes, pointer)

    def load_run(self, count, pointer):
        return self._vector_at(pointer, count).copy()

    def store(self, value, pointer):
        self._vector_at(pointer, len(value))[:] = value

    def broadcast(self, pointer):
        return np.full(self.lanes, self._vector_at(pointer, 1)[0])

    def count_up(self):
        return np.arange(self.lanes, dtype=self.dtype)

    def load_below(self, numbers, limit, pointer):
        values, below = np.zeros(self.lanes, self.dtype), int((numbers < limit).sum())
        values[:below] = self._vector_at(pointer, below)
        return values

    def store_below(self, numbers, limit, value, pointer):
        below = int((numbers < limit).sum())
        array_at(pointer.address, (below,), value.dtype)[:] = value[:below]

    def is_larger(self, x, y):
        return (x > y) | np.isnan(x)

    def choose(self, mask, x, y):
        return np.where(mask, x, y)

    def place_numbers(self, first, numbers, more, odd):
        return (first + odd + (more or 0) + 2 * numbers).astype(np.int64)

    def spread(self, scalar):
        return np.full(self.lanes, scalar, self.dtype)

    def number(self, value):
        return np.full(self.lanes, value, self.dtype)

    def multiply_add(self, x, y, z):
        return self._vector(x) * self._vector(y) + self._vector(z)

    def _vector(self, x):
        return np.array([c.constant for c in x.constant], self.dtype) if is_constant(x) else x

    def add(self, x, y):
        return x + y

    def subtract(self, x, y):
        return x - y

    def times(self, factor, x, y=0):
        return self.dtype.type(factor) * x + y

    def load_fours(self, pointer, second=None):
        count = 4 * self.lanes if second is None else 2 * self.lanes
        places = (pointer,) if second is None else (pointer, second)
        values = np.concatenate([self._vector_at(place, count) for place in places])
        return [values[k::4][: self.lanes].copy() for k in range(4)]

    def store_halves(self, value, first, second):
        half = self.lanes // 2
        self.store(value[:half], first)
        self.store(value[half:], second)

    def store_fours(self, vectors_, pointer):
        self.store(np.stack(vectors_, 1).reshape(-1), pointer)

    def total(self, x):
        return x.sum()

    def mix(self, x, y, places):
        return np.concatenate([x, y])[places]

    def repeat(self, count, pointers, steps, carried, body):
        carried = [self._vector(x) for x in carried]
        for _ in range(max(1, int(count))):
            carried = body(pointers, carried)
            pointers = [self.at(pointer, step) for pointer, step in zip(pointers, steps)]
        return carried


def is_constant(x):
    return isinstance(x, ir.Constant)


# Intrinsics -------------------------------------------------------------------------------------

#: What an intrinsic does, by its name.
MEANINGS = {
    "integer": lambda block, index: int(array_at(block + 8 * index, (1,), np.int64)[0]),
    "word": lambda block, index: int(array_at(block + 8 * index, (1,), np.int64)[0]),
    "real": lambda block, index: array_at(block + 8 * index, (1,), np.float64)[0],
    "read": lambda address, index, element: array_at(
        address + index * as_dtype(element).itemsize, (1,), element
    )[0],
    "write": _write,
    "stack": lambda nbytes: _frames.room(nbytes),
    "_pointer": lambda address, element: (address, element),
    "_stack": lambda count, element: (_frames.room(count * as_dtype(element).itemsize), element),
    "call_kernel": lambda pointer, begin, end, block: _call(pointer, begin, end, block),
    "fma": lambda x, y, z: np.float32(np.float64(x) * np.float64(y) + np.float64(z)),
    "_nearest": np.rint,
    "of_floats": None,
}


def _call_intrinsic(self, *values):
    name = self._name
    if name.startswith("stack_"):
        return _frames.room(int(name.removeprefix("stack_")))
    return MEANINGS[name](*values)


def _outlined(name, element, count, emit, outlined=vectors.outlined):
    def run(*values):
        emit(Emitter(element), *[int(value) for value in values])

    MEANINGS[name] = run
    return outlined(name, element, count, emit)


# Formulas ---------------------------------------------------------------------------------------

#: Where functions have formulas of their own for some types when compiled, and are NumPy's in Python.
BY_TYPE = arithmetic, circular, exponential, library, power


def _as_compiled(choose, plain):
    """run(...): what `choose` has compiled code do with numbers of these types, as Python."""
    chosen = {}

    def run(*values):
        kinds = tuple(map(type, values))
        if kinds not in chosen:
            chosen[kinds] = choose(*map(numba.typeof, values)) or plain
        try:
            with np.errstate(all="ignore"):
                result = chosen[kinds](*values)
        except (ValueError, OverflowError, ZeroDivisionError):  # compiled code raises none
            return plain(*values)
        return type(values[0])(result) if isinstance(values[0], np.inexact) else result

    return run


def _choose_by_type():
    """Let those functions run the formula that compiled code would."""
    homes = {module.__name__ for module in BY_TYPE}
    for function, kind in builtin_registry.globals:
        choose = getattr(kind.templates[0], "_overload_func", None) if kind else None
        if not isinstance(function, FunctionType) or function.__module__ not in homes:
            continue
        if choose.__name__ == "ov_wrap":  # a formula for all types, which runs as it is
            continue
        plain = FunctionType(
            function.__code__, function.__globals__, function.__name__, None, function.__closure__
        )
        place = f"_as_compiled_{next(_numbers)}"
        function.__globals__[place] = _as_compiled(choose, plain)
        function.__wrapped__ = plain  # whose source `inspect` then finds
        function.__code__ = _code_of_a_call(place, function.__code__.co_freevars)


def _code_of_a_call(place, free):
    """The code of a function that calls the global function `place`; it has such free variables."""
    source = f"""
def outer({", ".join(free)}):
    def call(*values):
        ({"".join(name + ", " for name in free)})
        return {place}(*values)
    return call
"""
    made = {}
    exec(source, made)
    return made["outer"](*free).__code__


# Launches ---------------------------------------------------------------------------------------

_functions = {}
_numbers = itertools.count(1)


def _pointer_of(kernel):
    if kernel._pointer is None:
        kernel._pointer = next(_numbers)
        _functions[kernel._pointer] = kernel.function
    return kernel._pointer


def _call(pointer, begin, end, block):
    with _frames.one(), np.errstate(all="ignore"):
        _functions[pointer](begin, end, block)


def _in_chunks(chunks, items, block):
    """The parallel launcher, one chunk after the other."""
    for chunk in range(chunks):
        begin, end = chunk * items // chunks, (chunk + 1) * items // chunks
        _call(interpreted_builtins.word(block, 0), begin, end, block + 8)


class _Lenient:
    """`math` or `cmath` as compiled code has it: no exceptions, and float32 stays float32."""

    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        found = getattr(self.module, name)
        if not callable(found):
            return found

        def function(*values):
            try:
                result = found(*values)
            except (ValueError, OverflowError, ZeroDivisionError):
                result = getattr(np, _NUMPY_NAMES.get(name, name))(*values)
            if isinstance(result, float | complex):
                kinds = [type(value) for value in values if isinstance(value, np.inexact)]
                if isinstance(result, float) and kinds and issubclass(kinds[0], np.complexfloating):
                    return np.float64(result)
                return (kinds or [np.float64 if isinstance(result, float) else np.complex128])[0](
                    result
                )
            return result

        return function


class _Numpy:
    """`numpy`, whose `empty` knows Numba's types."""

    @staticmethod
    def empty(count, element):
        return np.empty(count, _dtype(element))

    def __getattr__(self, name):
        return getattr(np, name)


_NUMPY_NAMES = {"pow": "power", "lgamma": "abs"}


def _modules(package):
    for found in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def interpret():
    """From now on, run kernels as Python."""
    vectors.outlined = _outlined  # before its users import it
    _Intrinsic.__call__ = _call_intrinsic
    native.carray = lambda place, shape: array_at(place[0], shape, place[1])
    cpu_target.Kernel.pointer = property(_pointer_of)
    cpu_target.contracted = lambda formula: formula
    launcher = cpu_target.Kernel(_in_chunks, frozenset())
    cpu_target.parallel_launcher = lambda: launcher
    interpreted_builtins.interpret(MEANINGS, _frames)
    _choose_by_type()
    for module in _modules(cpu_kernels):
        if getattr(module, "np", None) is np:
            module.np = _Numpy()
    for module in (*_modules(formulas), *_modules(cpu_kernels)):
        for name, real in (("math", math), ("cmath", cmath)):
            if getattr(module, name, None) is real:
                setattr(module, name, _Lenient(real))

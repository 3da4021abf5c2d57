"""A reader of pickles that makes tensors, numbers, strings and containers, and nothing else.

It knows the few instructions that such pickles consist of. A global is looked up in a table, never
imported; what is called is in that table too, and its arguments are checked. So a file can be loaded
without trust in its author: at worst it raises UnpicklingError.
"""

import pickle
import struct
from collections import Counter, OrderedDict
from pickle import UnpicklingError

from .. import devices, dtypes, graph, shapes
from . import names, rebuild
from .storages import bytes_left

#: Tuples nested deeper than this are refused as keys: hashing them would exhaust the stack.
_DEEPEST_KEY = 100
_BLOCKED_MODULES = ("sys", "os", "posix", "nt")

_safe_globals = []


def add_safe_globals(safe_globals):
    """Let `load` with weights_only=True make these classes and call these functions."""
    _safe_globals.extend(item for item in safe_globals if item not in _safe_globals)


def get_safe_globals():
    """What was added with `add_safe_globals`."""
    return list(_safe_globals)


def clear_safe_globals():
    """Forget what was added with `add_safe_globals`."""
    _safe_globals.clear()


class safe_globals:
    """Allow classes and functions for the time of a `with` block."""

    def __init__(self, safe_globals):
        self.added = safe_globals

    def __enter__(self):
        self.before = get_safe_globals()
        add_safe_globals(self.added)

    def __exit__(self, *exception):
        _safe_globals[:] = self.before


def _user_globals():
    """Full name -> object, under our names and PyTorch's."""
    table = {}
    for item in _safe_globals:
        value, name = item if isinstance(item, tuple) else (item, None)
        if name is None:
            module, name = value.__module__, value.__qualname__
            table[f"{module}.{name}"] = value
            name = ".".join(names.to_torch(module, name))
        table[name] = value
    return table


# What may be called -------------------------------------------------------------------------------


def _require(condition, what):
    if not condition:
        raise UnpicklingError(f"{what} cannot be made from these arguments")


def _encode(text, encoding):
    """How protocol 2 writes bytes: as the characters with these numbers."""
    _require(type(text) is str and encoding == "latin1", "bytes")
    return text.encode("latin1")


def _bytearray(data=b""):
    _require(type(data) is bytes, "a bytearray")
    return bytearray(data)


def _set(items=()):
    _require(type(items) is list, "a set")
    for item in items:
        _check_key(item)
    return set(items)


def _complex(real, imag):
    _require(type(real) is float and type(imag) is float, "a complex number")
    return complex(real, imag)


def _ordered_dict(pairs=()):
    _require(type(pairs) in (list, tuple), "an OrderedDict")
    _require(
        all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs), "an OrderedDict"
    )
    for key, _ in pairs:
        _check_key(key)
    return OrderedDict(pairs)


def _counter(counts=()):
    _require(counts == () or type(counts) is dict, "a Counter")
    return Counter(counts)


def _size(sizes):
    _require(type(sizes) is tuple and all(type(n) is int for n in sizes), "a Size")
    return shapes.Size(sizes)


def _device(*arguments):
    _require(len(arguments) in (1, 2) and type(arguments[0]) is str, "a device")
    _require(all(type(index) is int for index in arguments[1:]), "a device")
    return devices.device(*arguments)


def _from_type(function, new_type, arguments, state):
    _require(isinstance(new_type, type) and issubclass(new_type, graph.tensor_type), "a tensor")
    _require(type(arguments) is tuple, "a tensor")
    _require(function in _REBUILDERS and type(state) in (dict, type(None)), "a tensor")
    return rebuild._rebuild_from_type_v2(function, new_type, arguments, state)


_REBUILDERS = (
    rebuild._rebuild_tensor_v2,
    rebuild._rebuild_tensor_v3,
    rebuild._rebuild_parameter,
    rebuild._rebuild_parameter_with_state,
)

#: The only functions that a file may call, by their full names.
_CALLABLES = {
    "collections.OrderedDict": _ordered_dict,
    "collections.Counter": _counter,
    "torch.Size": _size,
    "torch.device": _device,
    "_codecs.encode": _encode,
    "builtins.bytearray": _bytearray,
    "builtins.set": _set,
    "builtins.complex": _complex,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    **{f"torch._utils.{function.__name__}": function for function in _REBUILDERS},
}

#: Things that a file may only mention.
_CONSTANTS = {
    **{repr(dtype): dtype for dtype in dtypes.ALL},
    **{f"torch.{name}": kind for name, kind in names.STORAGE_TYPES.items()},
    **{f"torch.storage.{name}": kind for name, kind in names.STORAGE_TYPES.items()},
    "torch.storage.UntypedStorage": names.UntypedStorageType,
}


def _classes():
    """The tensor classes, which a file may mention as the type of a tensor."""
    from ..nn.parameter import Parameter

    return {"torch.Tensor": graph.tensor_type, "torch.nn.parameter.Parameter": Parameter}


def _check_key(key):
    """UnpicklingError for keys of a dict or a set that are not plain, or nested very deeply."""
    if type(key) is str:
        return
    level, depth = [key], 0
    while level:
        depth += 1
        tuples = [item for item in level if type(item) is tuple]
        if depth > _DEEPEST_KEY or sum(map(len, tuples)) > 10_000:
            raise UnpicklingError("a key is nested too deeply")
        level = [item for part in tuples for item in part]


# The reader ---------------------------------------------------------------------------------------

_MARK = object()


class Unpickler:
    """Reads one pickle from `file`; `persistent_load` turns a storage's id into the storage."""

    def __init__(self, file, persistent_load):
        self.file = file
        self.persistent_load = persistent_load
        self.users = _user_globals()
        #: How many bytes the file still has, at most.
        self.remaining = bytes_left(file)

    def load(self):
        """The object; UnpicklingError (or EOFError) where the pickle is not one of ours."""
        self.stack = []
        self.memo = {}
        try:
            while True:
                code = self._take(1)
                if code == pickle.STOP:
                    return self._pop()
                instruction = _INSTRUCTIONS.get(code)
                if instruction is None:
                    raise UnpicklingError(f"Unsupported operand {code[0]}")
                instruction(self)
        except (UnpicklingError, EOFError):
            raise
        except RecursionError:
            raise UnpicklingError("the pickle is nested too deeply") from None
        except (
            ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, TypeError,
            ValueError, struct.error,
        ) as error:  # fmt: skip
            raise UnpicklingError(f"{type(error).__name__}: {error}") from None

    def _take(self, count):
        if count > self.remaining:
            raise EOFError("Ran out of input")
        data = self.file.read(count)
        if len(data) != count:
            raise EOFError("Ran out of input")
        self.remaining -= count
        return data

    def _line(self):
        line = self.file.readline(1000)
        self.remaining -= len(line)
        if not line.endswith(b"\n"):
            raise UnpicklingError("pickle data was truncated")
        return line[:-1].decode("utf-8")

    def _unpack(self, layout):
        return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]

    def _pop(self):
        value = self.stack.pop()
        if value is _MARK:
            raise UnpicklingError("unexpected MARK found")
        return value

    def _top(self, kind):
        value = self.stack[-1]
        if type(value) is not kind:
            raise UnpicklingError(f"expected a {kind.__name__}, but got {type(value).__name__}")
        return value

    def _to_mark(self):
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise UnpicklingError("could not find MARK")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    # Containers

    def _mark(self):
        self.stack.append(_MARK)

    def _tuple(self):
        self.stack.append(tuple(self._to_mark()))

    def _tuple_of(self, count):
        items = [self._pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def _append(self):
        item = self._pop()
        self._top(list).append(item)

    def _appends(self):
        items = self._to_mark()
        self._top(list).extend(items)

    def _set_items(self, items):
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict, Counter):
            raise UnpicklingError(f"cannot set items of a {type(target).__name__}")
        if len(items) % 2:
            raise UnpicklingError("odd number of items for SETITEMS")
        for key, value in zip(items[::2], items[1::2]):
            _check_key(key)
            target[key] = value

    def _set_item(self):
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    # Numbers and text

    def _text(self, layout):
        length = self._unpack(layout)
        self.stack.append(str(self._take(length), "utf-8", "surrogatepass"))

    def _bytes(self, layout):
        length = self._unpack(layout)
        self.stack.append(self._take(length))

    def _long(self):
        self.stack.append(pickle.decode_long(self._take(self._unpack("<B"))))

    # Globals and calls

    def _global(self):
        module, name = names.modern(self._line(), self._line())
        self.stack.append(self._find(module, name))

    def _find(self, module, name):
        full = f"{module}.{name}"
        if module.partition(".")[0] in _BLOCKED_MODULES:
            raise UnpicklingError(
                f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked."
            )
        for table in (_CALLABLES, _CONSTANTS, self.users):
            if full in table:
                return table[full]
        classes = _classes() if full in ("torch.Tensor", "torch.nn.parameter.Parameter") else {}
        if full in classes:
            return classes[full]
        shown = full.removeprefix("builtins.")
        raise UnpicklingError(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{shown}])` or the "
            f"`torch.serialization.safe_globals([{shown}])` context manager to allowlist this "
            "global if you trust this class/function."
        )

    def _may_call(self, function):
        known = (*_CALLABLES.values(), *self.users.values())
        return any(function is allowed for allowed in known)

    def _reduce(self):
        arguments, function = self._pop(), self._pop()
        if not self._may_call(function):
            raise UnpicklingError(f"Trying to call reduce for unrecognized function {function!r}")
        if type(arguments) is not tuple:
            raise UnpicklingError("arguments of a call must be a tuple")
        try:
            self.stack.append(function(*arguments))
        except RuntimeError as error:
            raise UnpicklingError(str(error)) from None

    def _new_object(self):
        arguments, kind = self._pop(), self._pop()
        if not any(kind is allowed for allowed in self.users.values()):
            raise UnpicklingError(
                "Can only create new object for nn.Parameter or classes allowlisted via "
                f"`add_safe_globals` but got {kind!r}"
            )
        self.stack.append(kind.__new__(kind, *arguments))

    def _build(self):
        state, value = self._pop(), self.stack[-1]
        kind = type(value)
        if kind is OrderedDict:
            if type(state) is not dict or not all(type(name) is str for name in state):
                raise UnpicklingError("the state of an OrderedDict must be a dict of names")
            vars(value).update(state)
        elif not any(kind is allowed for allowed in self.users.values()):
            raise UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {kind!r}"
            )
        elif hasattr(value, "__setstate__"):
            value.__setstate__(state)
        else:
            rebuild._with_state(value, state)

    def _persistent(self):
        identity = self._pop()
        if (
            type(identity) is not tuple
            or not identity
            or identity[0] not in ("storage", b"storage")
        ):
            raise UnpicklingError("Only persistent_load of storage is allowed")
        self.stack.append(self.persistent_load(identity))

    # The memo

    def _get(self, layout):
        self.stack.append(self.memo[self._unpack(layout)])

    def _put(self, layout):
        place = self._unpack(layout)
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingError("nothing to remember")
        self.memo[place] = self.stack[-1]

    def _memoize(self):
        self.memo[len(self.memo)] = self.stack[-1]


def _pushing(value):
    return lambda reader: reader.stack.append(value)


def _pushing_new(kind):
    return lambda reader: reader.stack.append(kind())


def _pushing_number(layout):
    return lambda reader: reader.stack.append(reader._unpack(layout))


def _with(method, *arguments):
    return lambda reader: method(reader, *arguments)


_INSTRUCTIONS = {
    pickle.PROTO: lambda reader: reader._take(1),
    pickle.FRAME: lambda reader: reader._take(8),
    pickle.NONE: _pushing(None),
    pickle.NEWTRUE: _pushing(True),
    pickle.NEWFALSE: _pushing(False),
    pickle.EMPTY_TUPLE: _pushing(()),
    pickle.EMPTY_LIST: _pushing_new(list),
    pickle.EMPTY_DICT: _pushing_new(dict),
    pickle.EMPTY_SET: _pushing_new(set),
    pickle.BININT: _pushing_number("<i"),
    pickle.BININT1: _pushing_number("<B"),
    pickle.BININT2: _pushing_number("<H"),
    pickle.BINFLOAT: _pushing_number(">d"),
    pickle.LONG1: Unpickler._long,
    pickle.BINUNICODE: _with(Unpickler._text, "<I"),
    pickle.SHORT_BINUNICODE: _with(Unpickler._text, "<B"),
    pickle.SHORT_BINSTRING: _with(Unpickler._bytes, "<B"),
    pickle.SHORT_BINBYTES: _with(Unpickler._bytes, "<B"),
    pickle.BINBYTES: _with(Unpickler._bytes, "<I"),
    pickle.MARK: Unpickler._mark,
    pickle.TUPLE: Unpickler._tuple,
    pickle.TUPLE1: _with(Unpickler._tuple_of, 1),
    pickle.TUPLE2: _with(Unpickler._tuple_of, 2),
    pickle.TUPLE3: _with(Unpickler._tuple_of, 3),
    pickle.APPEND: Unpickler._append,
    pickle.APPENDS: Unpickler._appends,
    pickle.SETITEM: Unpickler._set_item,
    pickle.SETITEMS: lambda reader: reader._set_items(reader._to_mark()),
    pickle.GLOBAL: Unpickler._global,
    pickle.REDUCE: Unpickler._reduce,
    pickle.NEWOBJ: Unpickler._new_object,
    pickle.BUILD: Unpickler._build,
    pickle.BINPERSID: Unpickler._persistent,
    pickle.BINGET: _with(Unpickler._get, "<B"),
    pickle.LONG_BINGET: _with(Unpickler._get, "<I"),
    pickle.BINPUT: _with(Unpickler._put, "<B"),
    pickle.LONG_BINPUT: _with(Unpickler._put, "<I"),
    pickle.MEMOIZE: Unpickler._memoize,
}

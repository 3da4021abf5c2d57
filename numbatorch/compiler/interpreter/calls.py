"""Calling: user functions are interpreted, library and pure functions run natively."""

import ast
import builtins
import functools
import types

from ... import callbacks
from ...graph import modes
from ...nn.modules import calls as module_calls
from ...nn.modules.module import Module
from ...tensor import Tensor
from ..guards import handler_of
from . import arguments
from .frames import Environment, Frame
from .functions import (
    Callback,
    InterpretedFunction,
    contains_tensor,
    find_descriptor,
    is_wrapper_of,
)
from .source_text import NoSource, definition_of
from .statements import Returned
from .tables import (
    COMPARING,
    IMMUTABLE,
    PURE,
    PURE_MANAGERS,
    PURE_MODULES,
    READING,
    READS_VALUES,
    STORING,
    is_generated,
    is_impure,
    is_user_class,
    is_user_function,
)
from .traced_number import TracedNumber
from .watch import Watch

#: C-implemented descriptors, called with the object as first argument.
_UNBOUND = (
    types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip
_NATIVE = (types.BuiltinFunctionType, types.MethodWrapperType, *_UNBOUND)


class Calls:
    """The part of the interpreter that calls things."""

    def call(self, function, args=(), kwargs=None):
        """function(*args, **kwargs)"""
        kwargs = kwargs or {}
        if self.free:
            return self._call_freely(function, args, kwargs)
        if isinstance(function, InterpretedFunction | Callback):
            return function(*args, **kwargs)
        if isinstance(function, types.MethodType):
            return self._call_method(function, args, kwargs)
        if isinstance(function, types.FunctionType):
            return self._call_python(function, args, kwargs)
        if isinstance(function, functools.partial):
            return self.call(
                function.func, (*function.args, *args), {**function.keywords, **kwargs}
            )
        if isinstance(function, type):
            return self._construct(function, args, kwargs)
        if isinstance(function, _NATIVE):
            return self._call_builtin(function, args, kwargs)
        return self._call_object(function, args, kwargs)

    def _call_freely(self, function, args, kwargs):
        """After a break: as Python does it, but for functions that only the interpreter has."""
        return function(
            *map(self.resolved, args), **{k: self.resolved(v) for k, v in kwargs.items()}
        )

    def resolved(self, value):
        """A number that a tensor holds, as a number."""
        return value.resolve() if isinstance(value, TracedNumber) else value

    # Python functions -----------------------------------------------------------

    def _call_python(self, function, args, kwargs):
        if is_user_function(function) or is_user_function(is_wrapper_of(function)):
            return self.interpret(function, args, kwargs)
        if is_wrapper_of(function) is not None and isinstance(
            is_wrapper_of(function), InterpretedFunction
        ):
            return self.interpret(function, args, kwargs)
        self._check_library_function(function)
        return self._after(function, self.native(function, args, kwargs))

    def _check_library_function(self, function):
        module = function.__globals__.get("__name__") or ""
        name = getattr(function, "__qualname__", "a function")
        if module.partition(".")[0] == "numbatorch":
            if is_impure(function):
                self.break_graph(f"calls {module}.{name}, which does more than compute")
        elif module == "contextlib" and name.startswith(PURE_MANAGERS):
            return
        elif module not in PURE_MODULES and not is_generated(function.__code__):
            self.break_graph(f"calls {module}.{name}, which may have effects")

    def _after(self, function, result):
        """Containers that pure functions return are new."""
        if type(result) in (list, dict, set) and function.__module__ in PURE_MODULES:
            self.make(result)
        return result

    def interpret(self, function, args, kwargs):
        """Interpret a real Python function."""
        if function.__dict__.get("_compile_disabled"):
            self.break_graph(f"calls {function.__qualname__}, for which disable() was called")
            return function(*args, **kwargs)
        try:
            definition = definition_of(function.__code__)
            unsupported = find_unsupported(definition.node)
        except NoSource as error:
            self.break_graph(f"calls {function.__qualname__}, but {error}")
            return function(*args, **kwargs)
        if unsupported is not None:
            reason, line = unsupported
            self.break_graph(reason, definition.filename, line)
            return function(*args, **kwargs)
        source = self.guards.source_of(function)
        if source is not None:
            # tools that reload modules give functions other code
            self.guards.same_object(function.__code__, source.attribute("__code__"))
            self._reach_defaults(function, source)
        variables = arguments.bind(
            definition,
            function.__name__,
            function.__defaults__,
            function.__kwdefaults__,
            args,
            kwargs,
        )
        environment = Environment(function, self.guards)
        frame = Frame(definition.node, definition, environment)
        frame.qualified_name = function.__qualname__
        return self._run(definition.node, frame, variables)

    def _reach_defaults(self, function, source):
        """Default values that can change inside have sources; others are part of the function."""
        if function.__defaults__:
            self.guards.same_object(function.__defaults__, source.attribute("__defaults__"))
        for i, value in enumerate(function.__defaults__ or ()):
            self.guards.reach(value, source.attribute("__defaults__").item(i), covered=True)
        for name, value in (function.__kwdefaults__ or {}).items():
            self.guards.reach(value, source.attribute("__kwdefaults__").item(name))

    def enter(self, function, args, kwargs):
        """Interpret a function that library code (or interpreted code) calls."""
        if self.is_elsewhere():
            if isinstance(function, InterpretedFunction):
                return type(self).unbound().run_nested(function, args, kwargs)
            return function(*args, **kwargs)
        with callbacks.unwatched():
            if isinstance(function, InterpretedFunction):
                return self.run_nested(function, args, kwargs)
            return self.call(function, args, kwargs)

    def run_nested(self, function, args, kwargs):
        """Run a function that interpreted code has made."""
        outer = function.frame.definition
        definition = type(outer)(function.node, outer.filename, outer.class_name)
        variables = arguments.bind(
            definition,
            function.__name__,
            function.defaults,
            function.keyword_defaults,
            args,
            kwargs,
        )
        frame = Frame(function.node, outer, function.frame.environment, function.frame)
        frame.qualified_name = function.__qualname__
        return self._run(function.node, frame, variables)

    def _run(self, node, frame, variables):
        frame.function_node = node
        frame.variables.update(
            {name: self.make(v) if name in _packed(node) else v for name, v in variables.items()}
        )
        with self.inside(frame):
            if isinstance(node, ast.Lambda):
                return self.evaluate(node.body, frame)
            outcome = self.execute_block(node.body, frame)
        return outcome.value if isinstance(outcome, Returned) else None

    # Methods ----------------------------------------------------------------

    def _call_method(self, method, args, kwargs):
        owner, function = method.__self__, method.__func__
        if isinstance(owner, Tensor) and not is_user_function(function):
            return self._call_tensor_method(owner, function, args, kwargs)
        if isinstance(owner, Module) and function is module_calls.ModuleCalls.__call__:
            return self._call_module(owner, args, kwargs)
        handler = handler_of(type(owner))
        if handler is not None and not is_user_function(function):
            name = function.__name__
            if name not in handler[1] and not self._is_made(owner):
                self.break_graph(f"calls {name} of {self.describe(owner)}")
            result = self.call(function, (owner, *args), kwargs)
            self.guards.moves(owner)
            return result
        return self.call(function, (owner, *args), kwargs)

    def _call_tensor_method(self, tensor, function, args, kwargs):
        name = function.__name__
        if name == "item" and tensor.numel() == 1:
            return self.traced_number(tensor, Tensor.item)
        if name in ("__float__", "__int__"):
            return self.traced_number(tensor, float if name == "__float__" else int)
        if name in READS_VALUES:
            self.break_graph(f"{name}() gives the values of a tensor to Python")
        elif name in ("__repr__", "__str__", "__format__"):
            self.break_graph("the value of a tensor is turned into text")
        return self.native(function, (tensor, *args), kwargs)

    def traced_number(self, tensor, convert):
        """The number in a tensor, to be read when the step has run."""
        if tensor.numel() != 1:
            return convert(tensor)
        recording, modes.grad_enabled = modes.grad_enabled, False
        try:
            return TracedNumber(tensor.detach().clone(), convert, self)
        finally:
            modes.grad_enabled = recording

    def _call_module(self, module, args, kwargs):
        """Module.__call__; without hooks it is no more than its forward."""
        hooked = (
            module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
            or module._backward_pre_hooks or module_calls.global_hooks.any()
        )  # fmt: skip
        forward = self.get_attribute(module, "forward")
        if not hooked and is_user_function(getattr(forward, "__func__", forward)):
            return self.call(forward, args, kwargs)
        return self.native(module_calls.ModuleCalls.__call__, (module, *args), kwargs)

    # Objects and classes --------------------------------------------------------

    def _call_object(self, object, args, kwargs):
        """An object with __call__."""
        if type(object).__module__ == "numbatorch.compiler.compiled":
            return self.call(object.function, args, kwargs)  # compiled by itself: part of this now
        raw, _ = self.find_in_class(type(object), "__call__")
        if isinstance(raw, types.FunctionType):
            return self.call(types.MethodType(raw, object), args, kwargs)
        if raw is None:
            raise TypeError(f"'{type(object).__name__}' object is not callable")
        if getattr(type(object), "__module__", "").startswith("numbatorch"):
            return self.native(object, args, kwargs)  # an Op, say
        inner = is_wrapper_of(object)
        if isinstance(inner, types.FunctionType) and not is_user_function(inner):
            self._check_library_function(inner)  # its results are kept by functools.cache
            return self.native(object, args, kwargs)
        self.break_graph(f"calls {self.describe(object)}")
        return object(*args, **kwargs)

    def _construct(self, cls, args, kwargs):
        special = getattr(self, f"_builtin_{cls.__name__}", None)
        if special is not None and cls.__module__ == "builtins":
            return special(*args, **kwargs)
        if not is_user_class(cls):
            return self._construct_library(cls, args, kwargs)
        if is_user_function(find_descriptor(type(cls), "__call__")[0]):
            self.break_graph(f"the metaclass of {cls.__name__} overrides __call__")
            return cls(*args, **kwargs)
        new, _ = self.find_in_class(cls, "__new__")
        new = getattr(new, "__func__", new)
        init, _ = self.find_in_class(cls, "__init__")
        if not is_user_function(new) and not is_user_function(init):
            return self._construct_generated(cls, args, kwargs)
        if is_user_function(new):
            object = self.call(new, (cls, *args), kwargs)
        elif new is builtins.object.__new__:
            object = builtins.object.__new__(cls)
        else:
            object = self.native(new, (cls, *args), kwargs)
        self.make(object)
        if isinstance(object, cls) and init is not None:
            self.call(init, (object, *args), kwargs)
        return object

    def _construct_generated(self, cls, args, kwargs):
        """An object of a user's class without functions of its own for that, a dataclass perhaps."""
        after, _ = self.find_in_class(cls, "__post_init__")
        if is_user_function(after) and is_generated(cls.__init__.__code__):
            object = self.make(builtins.object.__new__(cls))
            hide = {"__post_init__": Callback(self, types.MethodType(after, object))}
            vars(object).update(hide)  # found before the one of the class
            self.native(cls.__init__, (object, *args), kwargs, storing=True)
            del vars(object)["__post_init__"]
        else:
            object = self.native(cls, args, kwargs, storing=True)
        for value in getattr(object, "__dict__", {}).values():
            given = any(value is other for other in (*args, *kwargs.values()))
            if type(value) in (list, dict, set) and not given:
                self.make(value)  # by a default_factory
        return self.make(object)

    def _construct_library(self, cls, args, kwargs):
        module = cls.__module__
        known = module.partition(".")[0] == "numbatorch"
        if known and is_impure(cls):
            self.break_graph(f"makes a {module}.{cls.__name__}, which does more than compute")
        elif not known and not (
            cls in PURE or module in PURE_MODULES or issubclass(cls, BaseException)
            or module == "contextlib" and cls.__name__ in PURE_MANAGERS
        ):  # fmt: skip
            self.break_graph(f"makes a {module}.{cls.__name__}")
        storing = cls in (list, tuple, dict, set)
        return self.make(self.native(cls, args, kwargs, storing=storing))

    # Builtins ---------------------------------------------------------------

    def _call_builtin(self, function, args, kwargs):
        name = function.__name__
        owner = getattr(function, "__self__", None)
        if owner is builtins or function in vars(builtins).values():
            special = getattr(self, f"_builtin_{name}", None)
            if special is not None:
                return special(*args, **kwargs)
        if isinstance(function, _UNBOUND):
            if not args:
                return function(*args, **kwargs)
            owner = args[0]
            if name in ("__setattr__", "__delattr__"):
                self.check_made(owner, f"sets the attribute {args[1]!r} of {self.describe(owner)}")
                return function(*args)
            if name in ("__init__", "__new__", "__init_subclass__", "__subclasshook__"):
                return self.native(function, args, kwargs, storing=True)
            self._check_method(owner, name)
            return self._after_method(self.native(function, args, kwargs), name)
        if owner is not None and not isinstance(owner, types.ModuleType):
            if function not in PURE:
                self._check_method(owner, name)
            result = self.native(function, args, kwargs, owner, name in STORING)
            return self._after_method(result, name)
        if function not in PURE:
            self.break_graph(f"calls {function.__module__}.{name}, which may have effects")
        result = self.native(function, args, kwargs)
        return self.make(result) if type(result) in (list, dict, set) else result

    def _check_method(self, owner, name):
        """Break the graph at a method of a C class that may change something outside."""
        cls = type(owner)
        if isinstance(owner, IMMUTABLE) or name in READING.get(cls, ()) or self._is_made(owner):
            return
        for kind in READING:
            if isinstance(owner, kind) and name in READING[kind]:
                return
        if isinstance(owner, type) or (name in _READS_ALWAYS):
            return
        self.break_graph(f"calls the method {name!r} of {self.describe(owner)}")

    def _after_method(self, result, name):
        if name in ("copy", "__or__", "union", "intersection", "difference", "split", "rsplit"):
            return self.make(result)
        return result

    # Native calls -----------------------------------------------------------

    def native(self, function, args, kwargs, owner=None, storing=False):
        """Call library code. Containers it may read are guarded; user functions come back here.

        With `storing` it puts values into a container and does not look at them.
        """
        if self.free:
            return self._call_freely(function, args, kwargs)
        if owner is not None:
            self.prepare(owner, function.__name__ not in COMPARING)
        args = [self.prepare(value, storing) for value in args]
        kwargs = {name: self.prepare(value, storing) for name, value in kwargs.items()}
        watch = Watch()
        try:
            with watch:
                result = function(*args, **kwargs)
        finally:
            if watch.intruder is not None and not self.free:
                name, filename, line = watch.intruder
                self.break_graph(
                    f"library code calls {name} ({filename}, line {line}), which is then not seen"
                )
        return result

    def prepare(self, value, storing=False):
        """A value on its way into library code."""
        if isinstance(value, TracedNumber):
            return value if storing else value.use()
        if isinstance(value, Tensor) or value is None:
            return value
        if isinstance(value, types.MethodType | types.FunctionType | functools.partial):
            return self.callback(value)
        if self._is_made(value):
            return self._prepare_made(value, storing)
        self.guards.deep(value)
        return value

    def _prepare_made(self, value, storing):
        if type(value) in (list, tuple, set):
            items = value
        elif type(value) is dict:
            items = value.values()
        elif hasattr(value, "__dict__") and not isinstance(value, InterpretedFunction | Module):
            items = vars(value).values()
        else:
            return value
        for item in items:
            self.prepare(item, storing)
        return value

    def callback(self, function):
        """A function that library code may call: the interpreter will see the call."""
        base = function
        while isinstance(base, functools.partial):
            base = base.func
        base = getattr(base, "__func__", base)
        seen = is_user_function(base) or is_user_function(is_wrapper_of(base))
        return Callback(self, function) if seen else function

    # Builtins that need care ------------------------------------------------------

    def _builtin_len(self, value):
        method = self.user_method(value, "__len__")
        if method is not None:
            return len(range(self.call(method, (), {})))
        if self.guards.source_of(value) is not None and not isinstance(value, Tensor | Module):
            self.guards.structure(value)
        return len(value)

    def _builtin_isinstance(self, value, kind):
        return isinstance(value.use() if isinstance(value, TracedNumber) else value, kind)

    def _builtin_type(self, *args):
        if len(args) != 1:
            self.break_graph("makes a class")
            return type(*args)
        return type(args[0].use() if isinstance(args[0], TracedNumber) else args[0])

    def _builtin_getattr(self, object, name, *default):
        if not default:
            return self.get_attribute(object, name)
        try:
            return self.get_attribute(object, name)
        except AttributeError:
            self._guard_absence(object, name)
            return default[0]

    def _builtin_hasattr(self, object, name):
        try:
            self.get_attribute(object, name)
        except AttributeError:
            self._guard_absence(object, name)
            return False
        return True

    def _guard_absence(self, object, name):
        """Guard that an outside object still lacks an attribute."""
        if isinstance(object, types.ModuleType):
            self.guards.absent(vars(object), name, f"names_of_{object.__name__}")
        elif isinstance(object, type):
            for cls in object.__mro__:
                if is_user_class(cls):
                    source = self.guards.constant(cls, cls.__name__)
                    self.guards.add_absent(source.attribute("__dict__"), name)
        else:
            if not self.guards.holds_module(object):
                self.guards.attribute_absent(object, name)
            self._guard_absence(type(object), name)

    def _builtin_setattr(self, object, name, value):
        self.set_attribute(object, name, value)

    def _builtin_delattr(self, object, name):
        self.delete_attribute(object, name)

    def _builtin_bool(self, value=False):
        return self.truth(value)

    def _builtin_float(self, value=0.0):
        return self._number(float, "__float__", value)

    def _builtin_int(self, value=0, *base, **keywords):
        if base or keywords:
            return self.native(int, (value, *base), keywords)
        return self._number(int, "__int__", value)

    def _number(self, convert, name, value):
        if isinstance(value, Tensor):
            return self.traced_number(value, convert)
        if isinstance(value, TracedNumber):
            inner = value.convert
            return TracedNumber(value.tensor, lambda tensor: convert(inner(tensor)), self)
        method = self.user_method(value, name)
        return self.native(convert, (value,), {}) if method is None else convert(self.call(method))

    def textual(self, value):
        """A value that is about to be turned into text, which must not look into a tensor."""
        if contains_tensor(value):
            self.break_graph("the value of a tensor is turned into text")
        return value

    def _text(self, convert, name, value):
        method = self.user_method(value, name) or self.user_method(value, "__repr__")
        if method is not None:
            return self.call(method, (), {})
        return self.native(convert, (self.textual(value),), {})

    def _builtin_str(self, *args, **kwargs):
        if len(args) != 1 or kwargs:
            return self.native(str, args, kwargs)
        return self._text(str, "__str__", args[0])

    def _builtin_repr(self, value):
        return self._text(repr, "__repr__", value)

    def _builtin_format(self, value, form=""):
        return self.format(value, form)

    def _builtin_iter(self, value, *sentinel):
        if sentinel:
            return self.make(self.native(iter, (value, *sentinel), {}))
        return self.make(self.iterate(value))

    def _builtin_next(self, iterator, *default):
        method = self.user_method(iterator, "__next__")
        if method is not None:
            try:
                return self.call(method, (), {})
            except StopIteration:
                if default:
                    return default[0]
                raise
        if self.guards.source_of(iterator) is not None:
            self.break_graph(f"advances {self.describe(iterator)}")
        return next(iterator, *default)

    def _spread(self, function, value, kwargs):
        """A builtin that reads one iterable through."""
        return self.native(function, (self._iterable(value),), kwargs, storing=True)

    def _iterable(self, value):
        """A value that builtins can iterate over; user classes through the interpreter."""
        return self.iterate(value) if is_user_class(type(value)) else value

    def _builtin_list(self, value=()):
        return self.make(list(self.iterate(value)))

    def _builtin_tuple(self, value=()):
        return self.make(tuple(self.iterate(value)))

    def _builtin_set(self, value=()):
        return self.make(set(self.iterate(value)))

    def _builtin_any(self, value):
        return any(self.truth(item) for item in self.iterate(value))

    def _builtin_all(self, value):
        return all(self.truth(item) for item in self.iterate(value))

    def _builtin_sum(self, value, start=0):
        for item in self.iterate(value):
            start = self.binary(ast.Add, start, item)
        return start

    def _builtin_enumerate(self, value, start=0):
        return self.make(enumerate(self.iterate(value), start))

    def _builtin_zip(self, *values, strict=False):
        return self.make(zip(*map(self.iterate, values), strict=strict))

    def _builtin_map(self, function, *values):
        columns = zip(*map(self.iterate, values))
        return self.make(self.call(function, items, {}) for items in columns)

    def _builtin_filter(self, function, value):
        test = self.truth if function is None else lambda x: self.truth(self.call(function, (x,)))
        return self.make(item for item in self.iterate(value) if test(item))

    def _builtin_super(self, cls, instance):
        return super(cls, instance)

    def _builtin_callable(self, value):
        return callable(value)

    def _builtin_id(self, value):
        self.break_graph("id() depends on where an object lies in memory")
        return id(value)

    def _builtin_hash(self, value):
        method = self.user_method(value, "__hash__")
        if method is not None:
            return self.call(method, (), {})
        self.break_graph("hash() may depend on where an object lies in memory")
        return hash(value)


_READS_ALWAYS = frozenset(("__enter__", "__exit__", "__class__", "__len__"))


def _packed(node):
    """The names of the parameters that collect arguments: their containers are new."""
    return {a.arg for a in (node.args.vararg, node.args.kwarg) if a is not None}


@functools.lru_cache(maxsize=4096)
def find_unsupported(node):
    """(reason, line) of the first thing in a function that is not interpreted, or None."""
    if isinstance(node, ast.AsyncFunctionDef):
        return "asynchronous functions are not supported", node.lineno
    waiting = list(ast.iter_child_nodes(node))
    found = []
    while waiting:
        part = waiting.pop()
        reason = _UNSUPPORTED.get(type(part))
        if isinstance(part, ast.Name) and part.id in _LOOKS_AT_FRAMES:
            reason = f"{part.id}() looks at the frame of its caller"
        if reason is not None:
            found.append((part.lineno, reason))
        waiting += ast.iter_child_nodes(part)
    if not found:
        return None
    line, reason = min(found)
    return reason, line


_LOOKS_AT_FRAMES = frozenset(("eval", "exec", "locals", "globals", "vars", "dir", "breakpoint"))
_UNSUPPORTED = {
    ast.Yield: "generators are not supported",
    ast.YieldFrom: "generators are not supported",
    ast.Await: "asynchronous functions are not supported",
    ast.AsyncFor: "asynchronous functions are not supported",
    ast.AsyncWith: "asynchronous functions are not supported",
    ast.AsyncFunctionDef: "asynchronous functions are not supported",
    ast.ClassDef: "classes made inside a function are not supported",
    ast.TryStar: "except* is not supported",
}

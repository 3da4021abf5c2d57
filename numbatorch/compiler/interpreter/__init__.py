"""A concrete evaluator of the user's Python functions, at the level of their syntax trees.

It runs a function once, with real tensors: ops really compute. Meanwhile it guards every outside
value that the result may depend on, and breaks the graph at everything that a replay of the ops
could not reproduce: side effects, impure functions, uses of the values in tensors.

User code (any Python function outside numbatorch and the standard library) is interpreted, also
where library code calls it: modules hand their `forward` and hooks over, functions that are passed
to a library call come back through `Callback`. A profile hook notices whatever gets past.
"""

import gc
import threading
import types
from contextlib import contextmanager

from ... import callbacks
from ...graph import modes
from ..errors import GraphBreak
from ..guards import Guards
from .attributes import Attributes
from .calls import Calls
from .expressions import Expressions
from .functions import InterpretedFunction
from .operators import Operators
from .patterns import Patterns
from .statements import Statements
from .tables import is_user_module
from .traced_number import TracedNumber

_active = threading.local()
_count_lock = threading.Lock()
_count = 0


class Interpreter(Expressions, Statements, Patterns, Operators, Attributes, Calls):
    """Runs one function. With `on_break` it goes on freely after a break of the graph."""

    def __init__(self, guards, on_break=None):
        self.guards = guards
        self.on_break = on_break
        self.graph_break = None
        self.free = False  # after a break: everything is allowed, nothing is guarded
        self.made = {}  # id -> object that the function made, so may change
        self.frames = []
        self.over = False  # functions that outlive the run are then on their own
        self.thread = threading.get_ident()
        guards.refuse = self.break_graph

    def break_graph(self, reason, filename=None, line=None):
        """Raise GraphBreak with the line at work; with `on_break`, tell it and go on freely."""
        if self.free:
            return
        if filename is None:
            filename, line = self._place()
        error = GraphBreak(reason, filename, line)
        if self.graph_break is None:
            self.graph_break = error
        if self.on_break is None:
            raise error
        self.free = self.guards.closed = True
        self.on_break(error)

    def _place(self):
        """File and line of the innermost user code at work."""
        for frame in reversed(self.frames):
            if is_user_module(frame.environment.globals.get("__name__")):
                return frame.filename, frame.line
        return None, None

    def finish(self):
        """Let go of what the function made: its memory must not outlive the run."""
        self.over = True
        functions = any(isinstance(x, InterpretedFunction) for x in self.made.values())
        self.made.clear()
        if functions:
            gc.collect()  # a function and the frame that it was made in refer to each other

    @contextmanager
    def inside(self, frame):
        """The frame at work; breaks name its line."""
        self.frames.append(frame)
        depth = len(self.frames)
        try:
            yield
        finally:
            del self.frames[depth - 1 :]

    def is_elsewhere(self):
        """Whether a function made here is called after the run, or in another thread."""
        return self.over or threading.get_ident() != self.thread

    @classmethod
    def unbound(cls):
        """An interpreter that allows everything and guards nothing."""
        guards = Guards()
        guards.closed = True
        interpreter = cls(guards)
        interpreter.free = True
        return interpreter


@contextmanager
def _no_collection():
    """No collection of garbage meanwhile, whose callbacks would look like effects of the function."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _activated(interpreter):
    """Library code in this thread hands user functions to the interpreter meanwhile."""
    global _count
    previous = getattr(_active, "interpreter", None)
    _active.interpreter = interpreter
    with _count_lock:
        _count += 1
        callbacks.interpret = _handed_over
    try:
        yield
    finally:
        _active.interpreter = previous
        with _count_lock:
            _count -= 1
            if _count == 0:
                callbacks.interpret = None


def _handed_over(function):
    """What library code calls in place of a user's function."""
    interpreter = getattr(_active, "interpreter", None)
    if interpreter is None or interpreter.free:
        return function
    return interpreter.callback(function)


def run(function, args, kwargs, guards, on_break=None):
    """Interpret function(*args, **kwargs) and return its result; `guards` collects the guards.

    `function` is a Python function, a bound method, a functools.partial, a Module or another
    callable object. GraphBreak where a replay could not do the same. With `on_break` the function
    then runs to its end all the same, with all its effects and just once, after on_break(error) has
    been called: nothing that follows is to be recorded.
    """
    interpreter = Interpreter(guards, on_break)
    with _no_collection(), _activated(interpreter):
        try:
            if modes.autocast is not None or modes.saved_tensors_hooks is not None:
                interpreter.break_graph("autocast or hooks on saved tensors are on around the call")
            guards.arguments(args, kwargs)
            _reach_function(function, guards)
            result = interpreter.call(function, tuple(args), kwargs)
            if interpreter.graph_break is None:
                guards.finish(args, kwargs)
            elif on_break is None:
                raise interpreter.graph_break  # library code had caught it
        finally:
            interpreter.finish()
    return result


def break_graph(reason):
    """Break the graph of the function that this thread interprets, at its present line."""
    interpreter = getattr(_active, "interpreter", None)
    if interpreter is not None:
        interpreter.break_graph(reason)


def _reach_function(function, guards):
    """The compiled function itself is held on to; so is the object that it is bound to."""
    if isinstance(function, types.MethodType):
        _reach_function(function.__self__, guards)
        function = function.__func__
    name = getattr(function, "__name__", None) or type(function).__name__.lower()
    guards.reach(function, guards.constant(function, name), covered=True)

"""Recording: when each op's kernels start, and when the op is done.

An op tells its listeners when it is done; when it starts is noted around `compute`, which is replaced
while somebody records.
"""

import functools
import threading
import time

from .. import graph
from ..op import REGISTRY
from .events import FunctionEvent


class Recorder:
    """Collects the events of a block."""

    current = None  # one at a time, as in PyTorch

    def __init__(self, record_shapes=False, profile_memory=False, with_stack=False):
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack = with_stack
        self.events = []
        self._open = threading.local()
        self._originals = {}

    def start(self):
        if Recorder.current is not None:
            raise RuntimeError("Profiler is already enabled on this thread")
        Recorder.current = self
        self.begin = time.perf_counter_ns()
        for op in REGISTRY.values():
            if hasattr(op, "compute"):
                self._originals[op] = op.compute
                op.compute = self._timed(op, op.compute)
        graph.listeners.append(self._finished)

    def stop(self):
        self.end = time.perf_counter_ns()
        graph.listeners.remove(self._finished)
        for op, compute in self._originals.items():
            op.compute = compute
        self._originals.clear()
        Recorder.current = None

    # Regions and ops nest: each event knows the one around it.

    def _stack(self):
        if not hasattr(self._open, "events"):
            self._open.events = []
        return self._open.events

    def enter(self, name):
        """Open an event of this name."""
        stack = self._stack()
        event = FunctionEvent(name, time.perf_counter_ns(), threading.get_ident())
        event.cpu_parent = stack[-1] if stack else None
        stack.append(event)
        return event

    def leave(self, event):
        """Close an event, and those inside it that an error left open."""
        stack = self._stack()
        while stack:
            found = stack.pop()
            found.end = time.perf_counter_ns()
            if found.cpu_parent is not None:
                found.cpu_parent.cpu_children.append(found)
            self.events.append(found)
            if found is event:
                return

    def _timed(self, op, compute):
        @functools.wraps(compute)
        def timed(*args, **kwargs):
            event = self.enter(f"aten::{op.name}")
            try:
                result = compute(*args, **kwargs)
            except BaseException:
                self.leave(event)
                raise
            self._open.last = op, event
            self.leave(event)
            return result

        return timed

    def _finished(self, op, inputs, params, outputs):
        last, event = getattr(self._open, "last", None) or (None, None)
        self._open.last = None
        if last is not op:  # a view: it launches nothing
            event = self.enter(f"aten::{op.name}")
            self.leave(event)
        if self.record_shapes:
            event.input_shapes = [list(x.shape) if x is not None else [] for x in inputs]
        if self.profile_memory and not op.is_view:
            values = outputs if isinstance(outputs, tuple | list) else (outputs,)
            event.cpu_memory_usage = sum(
                graph.numel(x) * x.dtype.itemsize for x in values if isinstance(x, graph.Value)
            )


class record_function:
    """Context manager and decorator: a region of this name in the profile."""

    def __init__(self, name, args=None):
        self.name = name
        self._event = None

    def __enter__(self):
        recorder = Recorder.current
        if recorder is not None:
            self._event = recorder, recorder.enter(self.name)
        return self

    def __exit__(self, *exception):
        if self._event is not None:
            recorder, event = self._event
            self._event = None
            recorder.leave(event)

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with record_function(self.name):
                return function(*args, **kwargs)

        return wrapped

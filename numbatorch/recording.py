"""What the lower layers report while a step is captured; `numbatorch.compiler` listens.

`recorder` is None but during a capture. Everything that makes or changes values passes one of
these points: a kernel is launched, memory is allocated, the host looks at memory or checks a flag
that a kernel set, a leaf gets another gradient. Elementwise launches say what they compute, so that
they can be fused.
"""

import ctypes
import functools
import threading
from contextlib import contextmanager

from . import native_state

recorder = None

#: Held by who listens; others may wait as long for it, in seconds, where that is not their own thread.
turn, PATIENCE = threading.Lock(), 5.0
_listener_thread = None


class Recorder:
    """The reports; a capture overrides what it wants to hear."""

    def launch(self, kernel, items, grain, integers, reals):
        """A kernel is about to run over `items` work items with these argument slots."""

    def device_launch(self, index):
        """A kernel is launched on a CUDA device."""

    def elementwise(self, formula, out, operands, parameters):
        """The next launch is out[...] = formula(*operands, *parameters)."""

    def host_access(self, array):
        """The host is about to look at the memory of `array`."""

    def generator_set(self):
        """The host is about to set the state of a random generator."""

    def hold(self, storage):
        """Launches read this memory, which no op may name: a table that is kept for good."""

    def keep(self, tables):
        """Launches hold the addresses of these NumPy arrays."""

    def check(self, address):
        """The host is about to raise where the word at `address` is not zero."""

    def optimizer_step(self, optimizer):
        """An optimizer is about to step: what follows depends on its options."""

    def optimizer_update(self, update):
        """The next table of coefficients is what `update.next()` gives."""

    def table(self, table, columns):
        """The next launch walks this table (NumPy, int64): a row for each parameter and one more;
        in it, a count, `columns` addresses, then coefficients as float64."""

    def host_action(self, action):
        """`action()` changes the state of Python objects, in a way that a replay can repeat."""

    @contextmanager
    def paused(self):
        """Do not listen to host actions meanwhile: they are part of another one."""
        yield

    def gradient_set(self, leaf):
        """`leaf.grad` is about to be replaced."""

    def gradient_used(self, leaf):
        """Something is about to depend on `leaf.grad`, if only on whether there is one."""


def repeatable(method):
    """Decorator: a method that changes Python state only, which a replay does by calling it."""

    @functools.wraps(method)
    def recorded(*args, **kwargs):
        if recorder is not None:
            recorder.host_action(functools.partial(recorded, *args, **kwargs))
            with recorder.paused():
                return method(*args, **kwargs)
        return method(*args, **kwargs)

    return recorded


@contextmanager
def to(listener):
    """Report to `listener` meanwhile."""
    mine = _listener_thread == threading.get_ident()
    if mine or not turn.acquire(timeout=PATIENCE):
        raise RuntimeError("a capture is already under way")
    try:
        with heard_by(listener):
            yield listener
    finally:
        turn.release()


@contextmanager
def heard_by(listener):
    """As `to`, for who holds `turn`."""
    global recorder, _listener_thread
    recorder, _listener_thread = listener, threading.get_ident()
    native_state.words[native_state.LISTENING] = 1
    try:
        yield listener
    finally:
        recorder = _listener_thread = None
        native_state.words[native_state.LISTENING] = 0


def note(array):
    """A launch reads the memory of `array`, which is kept for good."""
    if recorder is not None:
        recorder.hold(array.storage)


def addresses_of(*tables):
    """The addresses of NumPy arrays that a launch is given; they must outlive it."""
    if recorder is not None:
        recorder.keep(tables)
    return [table.ctypes.data for table in tables]


def flag_at(address):
    """The word at `address`, which is not zero where a kernel found bad input."""
    if recorder is not None:
        recorder.check(address)
    return ctypes.c_int64.from_address(address).value

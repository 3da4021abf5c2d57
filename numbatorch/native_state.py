"""What compiled code reads of the state that Python code sets.

Words at a fixed address hold what is common to all threads. What holds for one thread is kept as
its thread-specific value, which C code finds in a few nanoseconds.
"""

import ctypes
import itertools

#: Words: how many listen to op calls, threads of a parallel kernel, the parallel launcher's address
#: (0: not compiled yet), a number that changes when a default (dtype, device) does.
LISTENING, THREADS, LAUNCHER, DEFAULTS = range(4)

words = (ctypes.c_int64 * 4)()
address = ctypes.addressof(words)

_versions = itertools.count(1)


def defaults_changed():
    """A default has changed on which the dtype or the place of results depends."""
    words[DEFAULTS] = next(_versions)


# Modes of the thread ----------------------------------------------------------------------------

#: Bits of a thread's modes: nothing is recorded; there is more to heed than that.
NOT_RECORDING, UNUSUAL = 1, 2


class _Key(ctypes.Structure):
    """CPython's Py_tss_t."""

    _fields_ = (("is_initialized", ctypes.c_int), ("key", ctypes.c_int))


thread_key = _Key()
ctypes.pythonapi.PyThread_tss_create(ctypes.byref(thread_key))
_set = ctypes.pythonapi.PyThread_tss_set
_set.argtypes = ctypes.c_void_p, ctypes.c_void_p
_thread_key = ctypes.addressof(thread_key)


def set_thread_modes(bits):
    """Set the bits of this thread; they are 0 in a new one."""
    _set(_thread_key, bits)

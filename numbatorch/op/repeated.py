"""Functions around one op: their checks and rearranged arguments need not run a second time.

What such a function calls follows from the Forms of its tensors and the other arguments alone, never
from values. So where a call came to one call of an op on its own arguments, the next one like it
is repeated by `native_call`, and the Python of the function is skipped.
"""

import functools
import threading

from .. import devices, dtypes, graph
from . import native_call


def repeated(function=None, *, makes_memory=False):
    """Decorator for such a function; with `makes_memory`, one that returns fresh memory as it is."""
    if function is None:
        return functools.partial(repeated, makes_memory=makes_memory)
    native = None

    @functools.wraps(function)
    def call(*args, **kwargs):
        nonlocal native
        if native is None:
            native = native_call.builtin(first_call)
        return native(*args, **kwargs)

    def first_call(key, args, kwargs):
        if "dtype" in kwargs:
            kwargs["dtype"] = dtypes.of_argument(function.__name__, kwargs["dtype"])
        if key is None or not native_call.table.takes(key):
            return function(*args, **kwargs)
        with _OpCalls() as calls:
            result = function(*args, **kwargs)
        _keep(key, calls, (*args, *kwargs.values()), result, makes_memory)
        return result

    call.checks_dtype = True
    return call


class _OpCalls:
    """What this thread calls ops with, in a block: [(op, inputs, params, result)]."""

    def __enter__(self):
        self.found, self._thread = [], threading.get_ident()
        graph.listeners.append(self._listen)
        return self.found

    def __exit__(self, *exception):
        graph.listeners.remove(self._listen)

    def _listen(self, op, inputs, params, result):
        if threading.get_ident() == self._thread:
            self.found.append((op, inputs, params, result))


def _keep(key, calls, args, result, makes_memory):
    if not calls:
        if any([x is result for x in args]) and isinstance(result, graph.Value):
            native_call.keep_return(key, args, result)
            return
        if makes_memory and result._base is None and not result._requires_grad:
            form = devices.form_of(result)
            if form.place is devices.CPU and result.storage._owner is None:  # not page-locked
                native_call.keep_empty(key, form, args)
                return
    elif len(calls) == 1 and calls[0][3] is result:
        op, inputs, params, _ = calls[0]
        inputs = tuple(inputs)
        if not op.is_dynamic and not any([x is result for x in inputs]):
            native_call.keep(key, op, op.plan(inputs, params), args, inputs, params)
            return
        if not op.is_dynamic:
            op.keep_inplace(key, args, inputs, params)
            return
    native_call.refuse(key, args)

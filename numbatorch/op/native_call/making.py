"""Making the builtin of a function, and the words that all builtins read."""

import ctypes
from functools import cache

from ... import cpu_builtins, devices, dtypes, graph, machine_code, native_state, shapes
from ...cpu_builtins import slot_offset, slot_range
from ...memory import Storage
from ...memory import allocator as host_memory
from . import calls
from .records import table, word_array


@cache
def _shared():
    """The address of the words that all builtins read."""
    value, node, kind = graph.Value, graph.Node, graph.tensor_type
    of_value = ("storage", "offset", "form", "_requires_grad", "_node", "_output_index", "_base",
                "_history", "_restriction", "_untracked", "_inference")  # fmt: skip
    of_node = ("op", "params", "edges", "input_metas", "output_metas", "saved", "versions",
               "saved_outputs", "sequence")  # fmt: skip
    words = word_array([
        id(kind), id(value), id(Storage), id(None), id(True), id(False), id(int), id(float),
        id(tuple), id(shapes.Size), id(list), id(str), id(dtypes.dtype), id(devices.form_of),
        id(graph.listeners), native_state.address, ctypes.addressof(native_state.thread_key),
        _words_of(host_memory.table), table.address, id(graph.blank_node),
        id(graph.Node.sequence_numbers), *slot_range(node), *slot_range(kind), id(0),
        id(graph.restricted_views.NO_GRAD), *[slot_offset(value, name) for name in of_value],
        slot_offset(Storage, "address"), slot_offset(Storage, "version"),
        *[slot_offset(node, name) for name in of_node],
    ])  # fmt: skip
    machine_code.keep_forever(words)
    return ctypes.addressof(words)


def _words_of(values):
    words = word_array(values)
    machine_code.keep_forever(words)
    return ctypes.addressof(words)


def builtin(fallback):
    """call(*args, **kwargs), which does what such a call did before.

    What is new, or unusual, goes to fallback(key, args, kwargs); it may `keep` for a key that is
    not None what the call came to.
    """
    machine_code.keep_forever(fallback)
    return cpu_builtins.make(calls.call, (_shared(), id(fallback)), keywords=True)

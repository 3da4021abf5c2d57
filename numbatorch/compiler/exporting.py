"""Exporting: a compiled forward pass as plain data, which another process runs without its Python code.

The data are the machine code of the kernels, the launches with their argument slots, in which
addresses are marked, the weights, and what is guarded: the forms of the tensor arguments.
"""

import ctypes
import os
import pickle

import numpy as np

from .. import cpu_target
from ..machine_code import machine
from ..nn.modules.module import Module
from ..random import Generator
from .compiled import InferenceFunction
from .conditions import TensorForm
from .exported import FORMAT, MEMORY, TABLE, ExportedProgram
from .program import CONSTANT, OUTSIDE, RESULT, TEMPORARY
from .results import is_plain_expression


def export(mod, args=(), kwargs=None):
    """The forward pass of a module (or function) for arguments like these, compiled for inference.

    Returns an ExportedProgram, which `save` writes. Sizes, dtypes and the values of arguments that
    are not tensors are fixed. RuntimeError where the pass cannot be replayed as a whole, changes
    state, draws random numbers, or returns other things than new tensors and plain values.
    """
    if not callable(mod):
        raise TypeError(f"export() expects a Module or a function, but got {type(mod).__name__}")
    if not isinstance(args, tuple):
        raise TypeError(f"export() expects args to be a tuple, but got {type(args).__name__}")
    if isinstance(mod, Module) and mod.training:
        raise RuntimeError("export() expects a module in evaluation mode: call eval() first")
    kwargs = dict(kwargs or {})
    compiled = InferenceFunction(mod, fullgraph=True)
    for _ in range(2):  # the second call is captured
        compiled(*args, **kwargs)
    ((_, plan, guards),) = compiled.plans
    return ExportedProgram(_described(plan, guards, args, kwargs))


def save(exported, f):
    """Write an ExportedProgram to a path or a binary file."""
    if not isinstance(exported, ExportedProgram):
        raise TypeError(f"save() expects an ExportedProgram, but got {type(exported).__name__}")
    text = pickle.dumps(exported.data)
    if hasattr(f, "write"):
        f.write(text)
    else:
        with open(os.fspath(f), "wb") as file:
            file.write(text)


def load(f):
    """The ExportedProgram in a file that `save` wrote; load only files that you trust.

    RuntimeError for other files, and for one that another kind of processor or version wrote.
    """
    if hasattr(f, "read"):
        text = f.read()
    else:
        with open(os.fspath(f), "rb") as file:
            text = file.read()
    try:
        data = pickle.loads(text)
        if data["format"] != FORMAT:
            raise KeyError("format")
    except Exception as error:
        raise RuntimeError("load() expects a file that compiler.save wrote") from error
    return ExportedProgram(data)


def _described(plan, guards, args, kwargs):
    program = plan.program
    _check(plan, guards)
    writer = _Writer(plan)
    instructions = [
        ([writer.launch(launch) for launch in i.launches], writer.flag(i.flag), i.name)
        for i in program.instructions
    ]
    forms = [g for g in guards.guards if isinstance(g, TensorForm) and g.source.from_arguments]
    return {
        "format": FORMAT,
        "machine": machine(),
        "instructions": instructions,
        "kernels": writer.kernels,
        "tables": writer.tables,
        "memory": writer.memory,
        "results": [_form(region, writer) for region in program.results],
        "expression": plan.template.expression,
        "inputs": [(g.source.expression, g.dtype, g.shape, g.strides) for g in forms],
        "plain": _plain(args, kwargs),
        "count": len(args),
        "keywords": sorted(kwargs),
        "text": str(program),
    }


def _check(plan, guards):
    """RuntimeError for what another process could not do."""
    program = plan.program
    written = set().union(*[i.writes for i in program.instructions])
    why = None
    if any(buffer.kind == OUTSIDE for buffer in written):
        why = "it changes tensors from outside"
    elif any(isinstance(keeper, Generator) for keeper in program.keepers):
        why = "it draws random numbers"
    elif plan.actions:
        why = "it changes the state of Python objects"
    elif any(region.buffer.kind != RESULT for region in program.results):
        why = "it returns an argument, a parameter or a view of one"
    elif not is_plain_expression(plan.template):
        why = "it returns other things than tensors and plain values in tuples, lists and dicts"
    if why is not None:
        raise RuntimeError(f"export() cannot write this forward pass: {why}")


def _plain(args, kwargs):
    """The arguments that hold no tensor, which must come again."""
    items = [(f"args[{i}]", value) for i, value in enumerate(args)]
    items += [(f"kwargs[{name!r}]", value) for name, value in kwargs.items()]
    return [(e, v) for e, v in items if isinstance(v, int | float | str | bool | type(None))]


def _form(region, writer):
    return writer.buffer(region.buffer), region.dtype, region.shape, region.strides, region.offset


class _Writer:
    """Numbers kernels, tables and buffers as launches name them."""

    def __init__(self, plan):
        self._plan = plan
        self._offsets = plan.replay.offsets
        self.kernels, self.tables = [], []
        self._tables = {t.ctypes.data: t for k in plan.program.keepers for t in k}
        self._kernel_numbers, self._table_numbers, self._flags = {}, {}, {}
        #: What each buffer is: ("arena", bytes), ("data", bytes), ("argument", expression, shift) or
        #: ("result", bytes).
        self.memory = [("arena", plan.replay.arena_bytes)]
        self._buffers = {}

    def launch(self, launch):
        slots, marks = list(launch.integers), []
        for slot, value in enumerate(launch.integers):
            if slot in launch.places:
                buffer, offset = launch.places[slot]
                marks.append((slot, MEMORY, self.buffer(buffer), offset + self._shift(buffer)))
            elif value in self._tables:
                marks.append((slot, TABLE, self._table(value), 0))
            elif value in cpu_target.pointers:
                raise RuntimeError("export() cannot write a kernel that calls another one")
            elif value in self._flag_addresses:
                marks.append((slot, MEMORY, self._flag(value), 0))
            else:
                continue
            slots[slot] = 0
        kernel = self._kernel(launch.kernel)
        return kernel, launch.items, launch.grain, slots, list(launch.reals), marks

    @property
    def _flag_addresses(self):
        flags = [i.flag for i in self._plan.program.instructions if i.flag is not None]
        return {address for buffer, address in flags if buffer is None}

    def flag(self, flag):
        if flag is None:
            return None
        buffer, offset = flag
        if buffer is None:
            return self._flag(offset), 0
        return self.buffer(buffer), offset + self._shift(buffer)

    def _flag(self, address):
        if address not in self._flags:
            self._flags[address] = len(self.memory)
            self.memory.append(("data", bytes(8)))
        return self._flags[address]

    def _shift(self, buffer):
        return self._offsets[buffer] if buffer.kind == TEMPORARY else 0

    def buffer(self, buffer):
        if buffer.kind == TEMPORARY:
            return 0
        if buffer not in self._buffers:
            self._buffers[buffer] = len(self.memory)
            self.memory.append(self._memory(buffer))
        return self._buffers[buffer]

    def _memory(self, buffer):
        if buffer in self._plan.places:
            getter, shift = self._plan.places[buffer]
            return "argument", getter.expression, shift
        if buffer.kind in (CONSTANT, OUTSIDE):
            return "data", ctypes.string_at(buffer.origin.address, buffer.nbytes)
        return "result", buffer.nbytes

    def _kernel(self, kernel):
        if kernel not in self._kernel_numbers:
            self._kernel_numbers[kernel] = len(self.kernels)
            code = kernel.machine_code
            if code is None:
                raise RuntimeError(f"the machine code of {kernel} is not in the kernel cache")
            self.kernels.append(tuple(code))
        return self._kernel_numbers[kernel]

    def _table(self, address):
        if address not in self._table_numbers:
            self._table_numbers[address] = len(self.tables)
            self.tables.append(np.array(self._tables[address]))
        return self._table_numbers[address]

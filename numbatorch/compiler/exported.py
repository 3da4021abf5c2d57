"""An exported forward pass, ready to run."""

import ctypes

from .. import array, graph, memory
from ..machine_code import MachineCode, loaded, machine
from ..tensor import Tensor
from .calling import BadInput, Call
from .made import Form, FreshMemory
from .outside import address_finder
from .program import CONSTANT, OUTSIDE, RESULT, TEMPORARY, Buffer, Instruction, Launch, Program
from .replay import Replay
from .sources import Getter

#: The first entry of a file.
FORMAT = "numbatorch compiled program, version 2"
#: What a marked argument slot holds: the address of memory, or of a table.
MEMORY, TABLE = "memory", "table"


class ExportedProgram:
    """A forward pass that was compiled for inference; call it like the module that it was made of.

    Other shapes, dtypes or plain arguments than those of `export` raise RuntimeError.
    """

    def __init__(self, data):
        if data["machine"] != machine():
            raise RuntimeError(
                "this program was compiled for another machine: it has "
                f"{data['machine']}, this process {machine()}; export it again here"
            )
        self.data = data
        self._kernels = [_LoadedKernel(code) for code in data["kernels"]]
        self._buffers = [_buffer(form) for form in data["memory"]]
        instructions = [self._instruction(*parts) for parts in data["instructions"]]
        program = Program(instructions, self._buffers)
        moving, work = [], Call()
        fresh = {}
        for buffer, form in zip(self._buffers, data["memory"]):
            if form[0] == "argument":
                getter = Getter(form[1], {})
                work.memory_of_argument(getter, form[2], address_finder(getter, form[2]))
                moving.append(buffer)
            elif form[0] == "result":
                fresh[buffer] = FreshMemory(memory.Storage(buffer.nbytes))
                work.memory_of_result(fresh[buffer])
                moving.append(buffer)
        for number, *form in data["results"]:
            made = fresh[self._buffers[number]]
            work.result(made, Form(array.initialise(graph.blank(), made.storage, *form)))
        replay = Replay(program, moving)
        self._program = program
        self._run = work.finish(
            replay, _Template(data["expression"]), [], [], [], None, self._clear_flags
        )

    def __call__(self, *args, **kwargs):
        args, kwargs = self._checked(args, kwargs)
        try:
            return self._run(args, kwargs)
        except BadInput:
            raise IndexError("an index or label in the input is out of bounds") from None

    def module(self):
        """What is to be called: the program itself, as in `torch.export`."""
        return self

    def __repr__(self):
        return f"ExportedProgram:\n{self.data['text']}"

    def _clear_flags(self):
        for instruction in self._program.instructions:
            if instruction.flag is not None and instruction.flag[0].kind == CONSTANT:
                ctypes.c_int64.from_address(instruction.flag[0].origin.address).value = 0

    # Checking ---------------------------------------------------------------------

    def _checked(self, args, kwargs):
        """The arguments, with tensors that lie as they did; RuntimeError where they do not fit."""
        data = self.data
        if len(args) != data["count"] or sorted(kwargs) != data["keywords"]:
            raise TypeError(
                f"the program takes {data['count']} positional arguments and the keywords "
                f"{data['keywords']}, but got {len(args)} and {sorted(kwargs)}"
            )
        for expression, value in data["plain"]:
            found = _follow(expression, args, kwargs)
            if type(found) is not type(value) or found != value:
                raise RuntimeError(
                    f"Expected input at *{expression} to be equal to {value!r}, but got {found!r}"
                )
        replaced = {}
        for expression, dtype, shape, strides in data["inputs"]:
            x = _follow(expression, args, kwargs)
            _check_tensor(expression, x, dtype, shape)
            if tuple(x.strides) != tuple(strides):
                replaced[expression] = _laid_out(x, shape, strides)
        return _with(args, kwargs, replaced) if replaced else (args, kwargs)

    # Building ---------------------------------------------------------------------

    def _instruction(self, launches, flag, name):
        made = [self._launch(*parts) for parts in launches]
        touched = set().union(*[launch.buffers for launch in made])
        found = Instruction(name, made, [], [], touched, touched)
        if flag is not None:
            found.flag = self._buffers[flag[0]], flag[1]
        return found

    def _launch(self, kernel, items, grain, slots, reals, marks):
        slots, places = list(slots), {}
        for slot, kind, number, offset in marks:
            if kind == MEMORY:
                places[slot] = self._buffers[number], offset
            else:
                slots[slot] = self.data["tables"][number].ctypes.data
        return Launch(self._kernels[kernel], items, grain, slots, reals, places)


class _LoadedKernel:
    """A kernel made of machine code that another process compiled."""

    def __init__(self, code):
        self.pointer = loaded(MachineCode(*code))


class _Template:
    def __init__(self, expression):
        self.expression, self.names = expression, {}


def _buffer(form):
    kind, content = form[:2]
    if kind == "argument":
        return Buffer(OUTSIDE, 0)
    if kind == "data":
        storage = memory.Storage(len(content))
        ctypes.memmove(storage.address, content, len(content))
        return Buffer(CONSTANT, len(content), storage)
    return Buffer(TEMPORARY if kind == "arena" else RESULT, content)


def _follow(expression, args, kwargs):
    try:
        return Getter(expression, {})(args, kwargs)
    except (LookupError, TypeError) as error:
        raise RuntimeError(f"Expected input at *{expression}, but there is none") from error


def _check_tensor(expression, x, dtype, shape):
    if not isinstance(x, Tensor):
        raise RuntimeError(f"Expected input at *{expression} to be a tensor, but got {type(x)}")
    if x.dtype is not dtype:
        raise RuntimeError(
            f"Expected input at *{expression}.dtype to be equal to {dtype}, but got {x.dtype}"
        )
    if x.storage.device_type != "cpu":
        raise RuntimeError(f"Expected input at *{expression} to be on the CPU, but got {x.device}")
    if tuple(x.shape) != tuple(shape):
        dim = next((i for i, (a, b) in enumerate(zip(x.shape, shape)) if a != b), None)
        if len(x.shape) != len(shape):
            what, want, got = "dim()", len(shape), len(x.shape)
        else:
            what, want, got = f"shape[{dim}]", shape[dim], x.shape[dim]
        raise RuntimeError(
            f"Expected input at *{expression}.{what} to be equal to {want}, but got {got}"
        )


def _laid_out(x, shape, strides):
    """A copy with the strides that the program expects."""
    found = x.new_empty_strided(shape, strides)
    found.copy_(x.detach())
    return found


def _with(args, kwargs, replaced):
    """The arguments with other tensors in some places; what is nested is copied."""
    args, kwargs = _copied(list(args)), _copied(dict(kwargs))
    for expression, tensor in replaced.items():
        namespace = {"args": args, "kwargs": kwargs, "value": tensor}
        exec(f"{expression} = value", namespace)
    return tuple(args), kwargs


def _copied(part):
    if isinstance(part, list | tuple):
        return [_copied(item) for item in part]
    return {key: _copied(item) for key, item in part.items()} if isinstance(part, dict) else part

"""Compiling: a function, a module or a whole training step, captured once and replayed natively.

interpreter/   runs the user's function once, and guards what it depends on
capture.py     listens meanwhile, and writes down a program
program.py     what a program is; passes/ make it shorter
codegen.py     generated kernels
replay.py      one native call that runs a program; memory_plan.py says where
plan.py        what happens in Python around a replay
frozen.py      what a program for inference may compute beforehand
rewind.py      how a call that found bad input is undone
background.py  kernels that are compiled while eager mode runs
backward.py    the backward pass of a captured forward pass
exporting.py   a plan as data in a file; exported.py runs it in another process
compiled.py    what `compile` returns
directives.py  what PyTorch's compiler is told, and what needs no telling here
loops.py       steps over a whole data set in one native call
"""

from .. import recording
from ..nn.modules.module import Module
from .compiled import CompiledFunction, CompileWarning, InferenceFunction
from .directives import (
    allow_in_graph,
    assume_constant_result,
    cudagraph_mark_step_begin,
    is_exporting,
    list_backends,
    nested_compile_region,
    substitute_in_graph,
)
from .explain import explain
from .exported import ExportedProgram
from .exporting import export, load, save
from .loops import loop
from .module import OptimizedModule

__all__ = [
    "CompileWarning",
    "CompiledFunction",
    "ExportedProgram",
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "explain",
    "export",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "load",
    "loop",
    "nested_compile_region",
    "reset",
    "save",
    "substitute_in_graph",
]

#: What `mode` may be: PyTorch's, which make no difference, and two of ours.
MODES = (
    "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "inference",
    "background",
)  # fmt: skip


def compile(
    model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None, options=None, name=None,
    disable=False, recompile_limit=None, isolate_recompiles=False, shapes_spec=None,
):  # fmt: skip
    """A function that does what `model` does, replayed from a capture (`torch.compile`).

    `model` is a function, a Module, or a whole training step; without it, a decorator. The first
    call runs in eager mode and the second is captured; a call of another kind (shapes, dtypes,
    settings, values of Python numbers) is captured anew. What cannot be replayed runs in eager
    mode, and a CompileWarning names the line; with `fullgraph`, RuntimeError. Calls that differ only
    in the sizes of tensor arguments are of one kind, unless `dynamic` is False.

    With `mode="inference"` results need no gradients, and what depends on parameters and buffers only
    is computed once: batch norms are folded into convolutions, weights are packed. It is computed
    again when they change. A module must be in evaluation mode. With `mode="background"` kernels are
    compiled in a thread, and eager mode runs the calls until they are there. PyTorch's modes and its other
    arguments are accepted for its sake.
    """
    if model is None:
        return lambda found: compile(
            found, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified.")
    if not callable(model):
        raise RuntimeError(f"compile() expects a function or a Module, not {model!r}")
    if mode not in (None, *MODES):
        names = ", ".join(MODES)
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {names}")
    if isinstance(model, CompiledFunction):
        return model
    if mode == "inference" and isinstance(model, Module) and model.training:
        raise RuntimeError(
            'mode="inference" expects a module in evaluation mode: call eval() first'
        )
    kind = InferenceFunction if mode == "inference" else CompiledFunction
    compiled = kind(model, fullgraph, not disable, dynamic, mode == "background")
    return OptimizedModule(model, compiled) if isinstance(model, Module) else compiled


def disable(function=None, recursive=True, *, reason=None):
    """Decorator: a function that is never part of a capture (`torch.compiler.disable`)."""
    if function is None:
        return lambda found: disable(found, recursive, reason=reason)
    function.__dict__["_compile_disabled"] = True
    return function


def is_compiling():
    """Whether a function is being captured."""
    return recording.recorder is not None


is_dynamo_compiling = is_compiling


def reset():
    """Forget all captures of all compiled functions."""
    for compiled in list(CompiledFunction.instances):
        compiled.reset()

"""Calls of every op, to show as samples and to tell which dtypes arrive at it.

The samples of the op table are run in every dtype, and their backward passes, without a kernel: shape
rules, checks, casts and gradient rules are the real ones, results have the right form and hold zeros.
"""

import contextlib
import warnings
from functools import cache
from unittest import mock

import numbatorch as torch
from numbatorch import dtypes, graph, op_samples
from numbatorch.op import Op
from numbatorch.op.operation import Plan

#: Calls that are kept of an op.
MOST = 4

DTYPES = [
    dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.complex64,
    dtypes.complex128, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64,
    dtypes.bool_,
]  # fmt: skip


class Observed:
    """What was seen of one op: descriptions of calls, and dtype that came in -> dtypes that went out."""

    def __init__(self):
        self.calls = {}
        self.dtypes = {}

    def note(self, inputs, params, result):
        if len(self.calls) < MOST:
            self.calls.setdefault(described(inputs, params), _results(result))
        into = next((x.dtype for x in inputs if isinstance(x, graph.Value)), None)
        outputs = result if isinstance(result, tuple | list) else (result,)
        names = tuple(x.dtype.name for x in outputs if isinstance(x, graph.Value))
        if into is not None and names:
            self.dtypes.setdefault(into.name, names)


@cache
def observed():
    """Op name -> Observed, of all ops that the samples reach."""
    found = {}

    def listen(op, inputs, params, result):
        found.setdefault(op.name, Observed()).note(inputs, params, result)

    with without_kernels(), _listening(listen), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in DTYPES:
            for _, function, generate in op_samples.rows():
                with contextlib.suppress(Exception):  # refused, or led astray by the zeros
                    for sample in generate(op_samples.Maker(dtype=dtype)):
                        _run(function, sample)
    return found


@contextlib.contextmanager
def _listening(listener):
    graph.listeners.append(listener)
    try:
        yield
    finally:
        graph.listeners.remove(listener)


@contextlib.contextmanager
def without_kernels():
    """Within: ops make results of the right form without computing them, and compile nothing."""

    def make_plan(self, inputs, params):
        forms = [x if x is None else graph.metadata_of(x) for x in inputs]
        return Plan(forms, self._outputs(inputs, params), None)

    def no_compute(out, *inputs, **params):
        for x in out if isinstance(out, tuple) else (out,):
            if 0 not in x.shape:
                x.as_numpy()[...] = 0

    run = Op._run

    def dry_run(self, plan, inputs, params):
        if self.is_view:
            return run(self, plan, inputs, params)
        compute = _DYNAMIC[self.name] if self.is_dynamic else no_compute
        with mock.patch.dict(vars(self), compute=compute):
            return run(self, plan, inputs, params)

    with mock.patch.object(Op, "_make_plan", make_plan), mock.patch.object(Op, "_run", dry_run):
        yield


def _indices(*shape):
    return torch.zeros(shape, dtype=torch.int64)


def _top_indices(input, *, dim, k, largest):
    return _indices(*[k if d == dim else size for d, size in enumerate(input.shape)])


#: What ops give that find the form of their results themselves.
_DYNAMIC = {
    "argsort": lambda input, **params: _indices(*input.shape),
    "consecutive_groups": lambda input, **params: (_indices(*input.shape), 1),
    "nonzero": lambda input, **params: _indices(1, len(input.shape)),
    "optimizer_step": lambda *tensors, columns, **params: tensors[: len(tensors) // columns],
    "to_device": lambda input, *, place: torch.zeros_like(input),
    "top_indices": _top_indices,
}


def _run(function, sample):
    results = op_samples.call(function, sample)
    results = results if isinstance(results, tuple | list) else (results,)
    for y in results:
        if isinstance(y, torch.Tensor) and y.requires_grad:
            y.backward(torch.zeros_like(y))
            break


def described(inputs, params):
    """The arguments of a call as text."""
    return ", ".join([*map(_value, inputs), *(f"{k}={_parameter(v)}" for k, v in params.items())])


def _results(result):
    if isinstance(result, tuple | list):
        return ", ".join(map(_value, result))
    return _value(result)


def _value(x):
    if not isinstance(x, graph.Value):
        return "None" if x is None else str(x)
    return f"{x.dtype.name}[{' × '.join(map(str, x.shape))}]"


def _parameter(value):
    if isinstance(value, graph.Value):
        return _value(value)
    text = repr(value)
    return text if len(text) < 40 and " at 0x" not in text else f"<{type(value).__name__}>"

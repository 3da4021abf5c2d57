"""Recomputing in backward instead of keeping intermediate values (`torch.utils.checkpoint`).

With `use_reentrant=False` what nodes keep is replaced by its number; the first one that backward
asks for makes the function run again. With True the whole function is one node.
"""

import contextlib
import warnings

from .. import graph, random
from ..autograd import Function, enable_grad, no_grad
from ..autograd.engine import backward as run_backward
from ..autograd.graph import saved_tensors_hooks
from ..graph import modes
from ..ops.autocast import refresh, state
from ._pytree import tree_map


class CheckpointError(RuntimeError):
    """The function did something else when it ran again."""


def noop_context_fn():
    """Two context managers that change nothing, for the first run and for the second."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function, *args, use_reentrant=None, context_fn=noop_context_fn, determinism_check="default",
    debug=False, early_stop=True, **kwargs,
):  # fmt: skip
    """function(*args, **kwargs), run again in backward; with the same random numbers."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. use_reentrant=False is recommended, but if you need to preserve the "
            "current default behavior, you can pass use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        frame = _Frame(function, args, kwargs, preserve, context_fn, determinism_check, early_stop)
        return frame.run()
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Modules one after the other, in `segments` checkpoints; the last segment is not recomputed."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. use_reentrant=False is recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(functions) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            _in_order(functions[start : start + size]), input,
            use_reentrant=use_reentrant, preserve_rng_state=preserve,
        )  # fmt: skip
    return _in_order(functions[size * (segments - 1) :])(input)


def _in_order(functions):
    def run(input):
        for function in functions:
            input = function(input)
        return input

    return run


# What the second run needs to be like the first ----------------------------------------------------


class _Surroundings:
    """The random numbers and autocast settings that a function runs under."""

    def __init__(self, preserve):
        self.random_state = random.get_rng_state() if preserve else None
        self._mark = random.default_generator.mark()
        self.autocast = dict(state.enabled), dict(state.dtypes), state.cache_enabled

    def end(self):
        """Note that the first run is over: where it drew nothing, the second need not set the state."""
        if random.default_generator.mark() == self._mark:
            self.random_state = None

    @contextlib.contextmanager
    def restored(self):
        now = _Surroundings(self.random_state is not None)
        self._apply()
        try:
            yield
        finally:
            now._apply()

    def _apply(self):
        if self.random_state is not None:
            random.set_rng_state(self.random_state)
        enabled, dtypes, state.cache_enabled = self.autocast
        state.enabled, state.dtypes = dict(enabled), dict(dtypes)
        refresh()


def get_device_states(*args):
    """([device indices], [their random states]) of the CUDA tensors among the arguments."""
    indices = []
    tree_map(
        lambda x: (
            indices.append(x.get_device())
            if isinstance(x, graph.Value) and x.is_cuda and x.get_device() not in indices
            else None
        ),
        args,
    )
    return indices, [random.get_rng_state() for _ in indices]


def set_device_states(devices, states, *, device_type=None):
    """Set what `get_device_states` gave; all devices draw from the one generator here."""
    for found in states[:1]:
        random.set_rng_state(found)


# Without reentry ----------------------------------------------------------------------------------


class _StopRecomputation(Exception):
    """Everything that was kept is there again."""


class _Frame:
    """One call of a function whose kept values are computed again when they are asked for."""

    def __init__(self, function, args, kwargs, preserve, context_fn, determinism_check, early_stop):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.contexts = context_fn()
        self.check = determinism_check
        self.early_stop = early_stop
        self.surroundings = _Surroundings(preserve)
        self.metadata = []
        self.again = {}

    def run(self):
        with saved_tensors_hooks(self._number, self._recomputed), self.contexts[0]:
            result = self.function(*self.args, **self.kwargs)
        self.surroundings.end()
        return result

    def _number(self, tensor):
        self.metadata.append(_metadata(tensor))
        return len(self.metadata) - 1

    def _recomputed(self, number):
        if number not in self.again:
            self._run_again()
        return self.again.pop(number)

    def _run_again(self):
        self.again, self.count = {}, 0
        hooks = saved_tensors_hooks(self._keep, lambda number: self.again[number])
        stop = contextlib.suppress(_StopRecomputation)
        with self.surroundings.restored(), enable_grad(), stop, hooks, self.contexts[1]:
            self.function(*self.args, **self.kwargs)
        if self.count != len(self.metadata):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\nNumber of tensors saved during forward: "
                f"{len(self.metadata)}\nNumber of tensors saved during recomputation: {self.count}."
            )
        if self.check != "none":
            self._compare()

    def _keep(self, tensor):
        number = self.count
        self.count += 1
        self.again[number] = tensor.detach()
        if self.early_stop and self.count == len(self.metadata):
            raise _StopRecomputation
        return number

    def _compare(self):
        for number, expected in enumerate(self.metadata):
            found = _metadata(self.again[number])
            if found != expected:
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have "
                    f"different metadata than during the forward pass.\ntensor at position "
                    f"{number}:\nsaved metadata: {expected}\nrecomputed metadata: {found}"
                )


def _metadata(tensor):
    form = graph.metadata_of(tensor)
    return {"shape": form.shape, "dtype": form.dtype, "device": form.place}


# With reentry -------------------------------------------------------------------------------------


class CheckpointFunction(Function):
    """One node whose backward runs the function again, and a backward walk of its own."""

    @staticmethod
    def forward(ctx, function, preserve, *args):
        if modes.grad_enabled is False and not any(
            isinstance(x, graph.Value) and x.requires_grad for x in args
        ):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4
            )
        ctx.function, ctx.args = function, args
        ctx.surroundings = _Surroundings(preserve)
        ctx.save_for_backward(*[x if isinstance(x, graph.Value) else None for x in args])
        with no_grad():
            result = function(*args)
        ctx.surroundings.end()
        return result

    @staticmethod
    def backward(ctx, *grads):
        args = [
            x.detach().requires_grad_(x.requires_grad) if isinstance(x, graph.Value) else x
            for x in ctx.args
        ]
        with ctx.surroundings.restored(), enable_grad():
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
        pairs = [
            (y, g) for y, g in zip(outputs, grads)
            if isinstance(y, graph.Value) and y.requires_grad
        ]  # fmt: skip
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        run_backward([y for y, _ in pairs], [g for _, g in pairs])
        return None, None, *[x.grad if isinstance(x, graph.Value) else None for x in args]

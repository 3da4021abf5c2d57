"""Compiled functions: captured once for each kind of call, then replayed."""

import functools
import threading
import warnings
import weakref
from collections import Counter

from .. import autograd, recording
from ..graph import Value
from . import interpreter
from .background import Background, Pending
from .backward import Differentiation, History, first_number
from .capture import Capture
from .errors import GraphBreak
from .guards import Guards
from .outside import Outside
from .plan import BadInput, Plan
from .results import Template, resolved

#: Kinds of calls that a function is captured for, and for each of them sizes of tensor arguments; then
#: it runs in eager mode. With `dynamic=False` calls of another size are of another kind.
MOST_KINDS = 8
MOST_SIZES = 64
#: Captures that a function may break before it is left to eager mode for good.
_MOST_BREAKS = 2
#: Plans that are looked at before the one of a call, without its being brought forward.
_NEAR = 3


class CompileWarning(UserWarning):
    """A compiled function runs in eager mode, and why."""


class CompiledFunction:
    """What `compile` makes of a function; see there."""

    #: All of them, for `reset`.
    instances = weakref.WeakSet()

    #: Whether plans compute beforehand with what a call only reads.
    freezes = False

    def __init__(self, function, fullgraph=False, enabled=True, dynamic=None, background=False):
        self.instances.add(self)
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.fullgraph = fullgraph
        self.enabled = enabled
        self.dynamic = dynamic
        self.background = Background() if background else None
        self.reset()

    def reset(self):
        """Forget all captures."""
        #: (check(args, kwargs), plan, guards) for each kind and size of call, the latest first.
        self.plans = []
        self.breaks = []
        self._warm = False
        self._lock = threading.RLock()

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        for position, (check, plan, _) in enumerate(self.plans):
            if check(args, kwargs) and plan.accepts():
                if position > _NEAR:
                    self._bring_forward(position)
                if recording.recorder is not None:
                    break
                try:
                    return plan(args, kwargs)
                except BadInput:
                    return self.function(*args, **kwargs)
        return self._first_call(args, kwargs)

    def _bring_forward(self, position):
        """Let a plan be found sooner by the next call. Other threads may be looking through the list."""
        with self._lock:
            plans = list(self.plans)
            self.plans = [plans.pop(position), *plans]

    def _first_call(self, args, kwargs):
        """A call of a kind that is new."""
        if not self.enabled or recording.recorder is not None:
            return self.function(*args, **kwargs)
        self.plans = [entry for entry in self.plans if not entry[1].is_stale]
        if not self._warm:  # what is made lazily is made now: parameters, state of optimizers
            self._warm = True
            return self.function(*args, **kwargs)
        if self.background is not None and self.background.is_busy:
            return self.function(*args, **kwargs)
        if len(self.breaks) >= _MOST_BREAKS or self._is_at_limit(args, kwargs):
            return self.function(*args, **kwargs)
        with self._lock:
            return self._capture(args, kwargs)

    def _is_at_limit(self, args, kwargs):
        """Whether nothing more is captured; a warning says why."""
        sizes = Counter(guards.kind for _, _, guards in self.plans)
        if len(sizes) < MOST_KINDS and max(sizes.values(), default=0) < MOST_SIZES:
            return False
        self.enabled = False
        kinds = len(sizes) >= MOST_KINDS
        many = f"{MOST_KINDS} kinds of calls" if kinds else f"{MOST_SIZES} sizes of its arguments"
        why = self.plans[0][2].explain_failure(args, kwargs)
        self._warn(
            f"it was captured for {many}, and the next one differs again; compared with the last "
            f"one: {why}"
        )
        return True

    def _warn(self, reason):
        name = getattr(self.function, "__qualname__", repr(self.function))
        warnings.warn(f"{name} runs in eager mode: {reason}", CompileWarning, stacklevel=5)

    # Capturing --------------------------------------------------------------------

    def _capture(self, args, kwargs):
        guards, since = Guards(), first_number()
        with Capture() as capture:
            result = interpreter.run(self.function, args, kwargs, guards, capture.stop)
        try:
            if capture.broken is not None:
                raise capture.broken
            self.plans.insert(0, self._plan(capture, result, guards, since))
        except GraphBreak as error:
            self._broken(error)
        except Pending as pending:
            self.background.start(pending.kernels)
        finally:
            capture.close()
        return resolved(result)

    def _plan(self, capture, result, guards, since):
        guards.pin(capture.leaves)
        for optimizer in capture.optimizers:
            for state in optimizer.state.values():
                guards.hold([x for x in state.values() if isinstance(x, Value)], "optimizer state")
        outside = Outside(guards)
        tensors = Template(result).tensors
        views = [x for x in tensors if not capture.made(x) and outside.view(x) is not None]
        history = History(tensors, since, views)
        arenas = [plan.replay.arena for _, plan, _ in self.plans if isinstance(plan, Plan)]
        arena = max(arenas, key=lambda arena: arena.storage.nbytes, default=None)
        ready = None if self.background is None else self.background.ready
        if capture.devices:
            plan = self._plan_on_device(capture, result, history, outside)
        elif not history.is_live:
            plan = Plan(
                capture, result, outside, kept=history.kept, freezes=self.freezes, arena=arena,
                ready=ready,
            )  # fmt: skip
        else:
            history.check_is_native()
            differentiation = Differentiation(capture, history, outside.arguments, outside, ready)
            saved = differentiation.saved
            plan = Plan(capture, result, outside, saved, history.kept, arena=arena, ready=ready)
            differentiation.attach_to(plan, tensors)
        guards.kind = object() if self.dynamic is False else guards.sizeless()
        guards.release_arguments()
        return guards.check, plan, guards

    def _plan_on_device(self, capture, result, history, outside):
        """A plan for a step of CUDA kernels."""
        from .cuda_plan import CudaPlan, check_result

        if history.is_live:
            raise GraphBreak(
                "on CUDA a step is captured with its backward pass, or without gradients"
            )
        check_result(result)
        return CudaPlan(self.function, capture, outside)

    def _broken(self, error):
        self.breaks.append(error)
        if self.fullgraph:
            raise RuntimeError(f"the function cannot be compiled as a whole: {error}") from None
        if len(self.breaks) == _MOST_BREAKS:
            self._warn(error)


class InferenceFunction(CompiledFunction):
    """A compiled function whose results need no gradients, and whose weights are seldom changed."""

    freezes = True

    def __call__(self, *args, **kwargs):
        with autograd.no_grad():
            return super().__call__(*args, **kwargs)

"""Calling a module: forward, and the hooks that run before and after it and its backward."""

import warnings
from collections.abc import Callable

from numbatorch import callbacks
from numbatorch.changes import WatchedOrderedDict
from numbatorch.nn.modules.backward_hooks import BackwardHooks, hook_last_operation
from numbatorch.utils.hooks import RemovableHandle, register


class GlobalHooks:
    """Hooks that run for every module. One instance exists, `global_hooks`."""

    def __init__(self):
        self.forward_pre = WatchedOrderedDict()
        self.forward = WatchedOrderedDict()
        self.forward_with_kwargs = WatchedOrderedDict()
        self.forward_always_called = WatchedOrderedDict()
        self.backward_pre = WatchedOrderedDict()
        self.backward = WatchedOrderedDict()

    def any(self) -> bool:
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


global_hooks = GlobalHooks()


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Run ``hook(module, args)`` before every module's forward."""
    return register(global_hooks.forward_pre, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Run ``hook(module, args, output)`` after every module's forward."""
    marks = [global_hooks.forward_with_kwargs] if with_kwargs else []
    marks += [global_hooks.forward_always_called] * always_call
    return register(global_hooks.forward, hook, marks=marks)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Run ``hook(module, grad_output)`` before every module's backward."""
    return register(global_hooks.backward_pre, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Run ``hook(module, grad_input, grad_output)`` after every module's backward."""
    return register(global_hooks.backward, hook)


class ModuleCalls:
    """The part of Module that is about being called."""

    def __call__(self, *args, **kwargs):
        if not (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or global_hooks.any()
        ):
            forward = self.forward
            if callbacks.interpret is not None:
                forward = callbacks.interpret(forward)
            return forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    def compile(self, *args, **kwargs) -> None:
        """Compile ``forward`` by ``torch.compile(forward, *args, **kwargs)``."""
        from numbatorch import compile  # a layer above; asked only when used

        self.__dict__["forward"] = compile(type(self).forward.__get__(self), *args, **kwargs)

    def _call_with_hooks(self, args: tuple, kwargs: dict):
        done: set[int] = set()
        try:
            return self._call_hooks_and_forward(args, kwargs, done)
        except Exception:
            self._call_remaining_hooks(args, kwargs, done)
            raise

    def _call_hooks_and_forward(self, args: tuple, kwargs: dict, done: set[int]):
        args, kwargs = self._run_forward_pre_hooks(args, kwargs)
        boundary = None
        if self._wants_full_backward_hooks():
            boundary = BackwardHooks(
                self,
                self._full_backward_hooks(),
                [*global_hooks.backward_pre.values(), *self._backward_pre_hooks.values()],
            )
            args = boundary.watch_inputs(args)
        result = callbacks.seen(self.forward)(*args, **kwargs)
        for identity, hook, with_kwargs, _ in self._all_forward_hooks():
            done.add(identity)
            hook = callbacks.seen(hook)
            changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if changed is not None:
                result = changed
        if boundary is not None:
            if not isinstance(result, (dict, list, tuple)) and not hasattr(result, "grad_fn"):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a "
                    f"tuple of Tensors but received {type(result)}",
                    stacklevel=4,
                )
            result = boundary.watch_outputs(result)
        if self._is_full_backward_hook is False and self._backward_hooks:
            hook_last_operation(self, list(self._backward_hooks.values()), result)
        return result

    def _run_forward_pre_hooks(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        own = [
            (hook, identity in self._forward_pre_hooks_with_kwargs)
            for identity, hook in self._forward_pre_hooks.items()
        ]
        for hook, with_kwargs in [
            *((hook, False) for hook in global_hooks.forward_pre.values()),
            *own,
        ]:
            hook = callbacks.seen(hook)
            if with_kwargs:
                changed = hook(self, args, kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of "
                        f"(new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
            else:
                changed = hook(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs

    def _all_forward_hooks(self) -> list[tuple[int, Callable, bool, bool]]:
        """(id, hook, wants kwargs, runs even if forward fails), global hooks first."""
        shared = [
            (
                identity,
                hook,
                identity in global_hooks.forward_with_kwargs,
                identity in global_hooks.forward_always_called,
            )
            for identity, hook in global_hooks.forward.items()
        ]
        own = [
            (
                identity,
                hook,
                identity in self._forward_hooks_with_kwargs,
                identity in self._forward_hooks_always_called,
            )
            for identity, hook in self._forward_hooks.items()
        ]
        return shared + own

    def _call_remaining_hooks(self, args: tuple, kwargs: dict, done: set[int]) -> None:
        """After a failure, run the ``always_call`` hooks that have not run; output is None."""
        for identity, hook, with_kwargs, always in self._all_forward_hooks():
            if not always or identity in done:
                continue
            try:
                if with_kwargs:
                    hook(self, args, kwargs, None)
                else:
                    hook(self, args, None)
            except Exception as error:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception "
                    f"that was silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )

    def _wants_full_backward_hooks(self) -> bool:
        return bool(
            global_hooks.backward_pre
            or global_hooks.backward
            or self._backward_pre_hooks
            or (self._backward_hooks and self._is_full_backward_hook is not False)
        )

    def _full_backward_hooks(self) -> list[Callable]:
        own = self._backward_hooks.values() if self._is_full_backward_hook is not False else ()
        return [*global_hooks.backward.values(), *own]

    # registration

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args)`` before forward; what it returns replaces the arguments."""
        marks = [self._forward_pre_hooks_with_kwargs] * with_kwargs
        return register(self._forward_pre_hooks, hook, marks=marks, prepend=prepend)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Run ``hook(module, args, output)`` after forward; what it returns replaces the output."""
        marks = [self._forward_hooks_with_kwargs] * with_kwargs
        marks += [self._forward_hooks_always_called] * always_call
        return register(self._forward_hooks, hook, marks=marks, prepend=prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, grad_output)`` before backward; it may return a replacement."""
        return register(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` once both gradients are known."""
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = True
        return register(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The deprecated form: sees only the last operation of the module's forward."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = False
        return register(self._backward_hooks, hook)

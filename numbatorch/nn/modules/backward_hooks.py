"""Watching the gradients that enter and leave a module during the backward pass.

Two identity functions are laid around the module: one on its outputs, one on its inputs. During
backward the first meets the gradients of the outputs, the second those of the inputs.
"""

from collections.abc import Callable

from numbatorch.autograd import Function
from numbatorch.tensor import Tensor


class Boundary(Function):
    """Identity on some tensors that shows their gradients, together, to a callback."""

    @staticmethod
    def forward(ctx, callback: Callable, *tensors):
        ctx.callback = callback
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx, *gradients):
        return None, *ctx.callback(gradients)


class BackwardHooks:
    """The full backward hooks of one module during one call."""

    def __init__(self, module, hooks: list[Callable], pre_hooks: list[Callable]):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_output: tuple | None = None
        self.inputs_need_gradients = False

    def watch_inputs(self, args: tuple) -> tuple:
        """The arguments, with those tensors that need gradients behind a boundary."""
        tensors = [argument for argument in args if isinstance(argument, Tensor)]
        self.inputs_need_gradients = any(tensor.requires_grad for tensor in tensors)
        if not self.inputs_need_gradients:
            self.input_places, self.input_count = [], len(args)
            return args
        args, self.input_places = _watch(args, self._on_input_gradients)
        self.input_count = len(args)
        return args

    def watch_outputs(self, result):
        """The module's result, with the tensors in it behind a boundary."""
        single = isinstance(result, Tensor)
        if not single and not isinstance(result, tuple):
            return result
        outputs = (result,) if single else result
        outputs, self.output_places = _watch(outputs, self._on_output_gradients)
        self.output_count = len(outputs)
        return outputs[0] if single else outputs

    def _on_output_gradients(self, gradients: tuple) -> tuple:
        spread = _spread(gradients, self.output_places, self.output_count)
        for hook in self.pre_hooks:
            spread = _replacement("Backward pre hook", hook(self.module, spread), spread)
        self.grad_output = spread
        if not self.inputs_need_gradients:
            for hook in self.hooks:
                if hook(self.module, (None,) * self.input_count or (None,), spread) is not None:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
        return tuple(spread[place] for place in self.output_places)

    def _on_input_gradients(self, gradients: tuple) -> tuple:
        spread = _spread(gradients, self.input_places, self.input_count)
        for hook in self.hooks:
            spread = _replacement(
                "Backward hook", hook(self.module, spread, self.grad_output), spread
            )
        self.grad_output = None
        return tuple(spread[place] for place in self.input_places)


def hook_last_operation(module, hooks: list[Callable], result) -> None:
    """Attach old-style backward hooks to the node that made the first tensor of ``result``."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next(value for value in result.values() if isinstance(value, Tensor))
        else:
            result = result[0]
    node = result.grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(_NodeHook(module, hook))


class _NodeHook:
    def __init__(self, module, hook: Callable):
        self.module = module
        self.hook = hook

    def __call__(self, grad_input, grad_output):
        return self.hook(self.module, grad_input, grad_output)


def _watch(values: tuple, callback: Callable) -> tuple[tuple, list[int]]:
    places = [place for place, value in enumerate(values) if isinstance(value, Tensor)]
    if not any(values[place].requires_grad for place in places):
        return values, places
    watched = Boundary.apply(callback, *(values[place] for place in places))
    values = list(values)
    for place, tensor in zip(places, watched):
        values[place] = tensor
    return tuple(values), places


def _spread(gradients: tuple, places: list[int], count: int) -> tuple:
    """The gradients at the positions of their tensors, None elsewhere."""
    spread = [None] * count
    for place, gradient in zip(places, gradients):
        spread[place] = gradient
    return tuple(spread)


def _replacement(kind: str, result, current: tuple) -> tuple:
    if result is None:
        return current
    if not isinstance(result, tuple):
        result = (result,)
    if len(result) != len(current):
        raise RuntimeError(
            f"{kind} returned an invalid number of grad_input, got {len(result)}, "
            f"but expected {len(current)}"
        )
    return result

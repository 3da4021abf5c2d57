"""Modules that learn the shapes of their parameters from their first input."""

import itertools
import warnings

from numbatorch.autograd import no_grad
from numbatorch.nn.parameter import is_lazy
from numbatorch.tensor import Tensor


class LazyModuleMixin:
    """Mixed into a module class: the first call initialises it and turns it into ``cls_to_become``.

    A lazy class gives its module uninitialised parameters and implements
    ``initialize_parameters(*args)``.
    """

    cls_to_become = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self.register_load_state_dict_pre_hook(_materialize_from_state)
        self._initialize_hook = self.register_forward_pre_hook(_infer_parameters, with_kwargs=True)
        warnings.warn(
            "Lazy modules are a new feature under heavy development "
            "so changes to the API or functionality can happen at any moment.",
            stacklevel=3,
        )

    def initialize_parameters(self, *args, **kwargs) -> None:
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        members = itertools.chain(self._parameters.values(), self._buffers.values())
        return any(is_lazy(member) for member in members)


def _infer_parameters(module, args: tuple, kwargs: dict) -> None:
    """Before the first forward: give the parameters their shapes and values."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook
    del module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _materialize_from_state(module, state_dict, prefix: str, *rest) -> None:
    """Before loading: give the parameters the shapes of what is loaded."""
    members = itertools.chain(module._parameters.items(), module._buffers.items())
    for name, member in members:
        value = state_dict.get(prefix + name)
        if is_lazy(member) and isinstance(value, Tensor) and not is_lazy(value):
            with no_grad():
                member.materialize(value.shape)

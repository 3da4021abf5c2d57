"""Module: the base class of every layer and network."""

from numbatorch import changes
from numbatorch.autograd import no_grad
from numbatorch.changes import WatchedDict, WatchedOrderedDict
from numbatorch.display import module_html
from numbatorch.nn.modules.calls import (
    ModuleCalls,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from numbatorch.nn.modules.conversion import ModuleConversion
from numbatorch.nn.modules.state import ModuleState
from numbatorch.nn.modules.tree import ModuleTree
from numbatorch.nn.parameter import Buffer, Parameter
from numbatorch.tensor import Tensor

__all__ = [
    "Module",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
]

# What every module keeps beside its `training` flag: registries filled by attribute assignment ...
_REGISTRIES = ("_parameters", "_buffers", "_modules")
# ... and hooks by the id of their handle.
_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Module(ModuleCalls, ModuleState, ModuleTree, ModuleConversion):
    """A layer, or a tree of layers, with parameters, buffers and a ``forward``.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it under that name.
    """

    training: bool
    call_super_init = False

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(kwargs))}'"
            )
        if not self.call_super_init and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but "
                f"{len(args) + 1} were given"
            )
        set_directly = super().__setattr__  # our own __setattr__ needs the registries to exist
        set_directly("training", True)
        for registry in _REGISTRIES:
            set_directly(registry, WatchedDict())
        for hooks in _HOOKS:
            set_directly(hooks, WatchedOrderedDict())
        set_directly("_non_persistent_buffers_set", set())
        set_directly("_is_full_backward_hook", None)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        for registry in _REGISTRIES:
            self._watch(registry, WatchedDict)
        for hooks in _HOOKS:
            self._watch(hooks, WatchedOrderedDict)
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def _watch(self, name: str, kind: type) -> None:
        """Make a registry from a pickle, which may be older than it, one that notes its changes.

        Hooks stay where they are: their handles know the dictionary.
        """
        found = self.__dict__.get(name, ())
        if type(found) is not kind and not (found and kind is WatchedOrderedDict):
            self.__dict__[name] = kind(found)

    def forward(self, *input):
        """Override this with the computation."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add ``param`` (or a None that keeps the name's place) under ``name``."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_new_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, "
                "compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not trained; ``persistent`` ones are part of the state dict."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_new_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._set_buffer(name, tensor, persistent)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a submodule (or a None that keeps the name's place) under ``name``."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_new_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name: str, module: "Module | None") -> None:
        self.add_module(name, module)

    def _check_new_name(self, kind: str, name: str, registry: dict) -> None:
        if not isinstance(name, str):
            label = "module" if kind == "module" else kind
            raise TypeError(f"{label} name should be a string. Got {_type_name(name)}")
        if hasattr(self, name) and name not in registry:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            dotted = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{dotted}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def _set_buffer(self, name: str, tensor: Tensor | None, persistent: bool) -> None:
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    # attributes

    def __getattr__(self, name: str):
        for registry in ("_parameters", "_buffers", "_modules"):
            members = self.__dict__.get(registry)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value) -> None:
        state = self.__dict__
        parameters = state.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, keep=parameters)
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            if "_modules" not in state:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, keep=self._modules)
            self._modules[name] = value
        elif name in state.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            self._modules[name] = None
        elif isinstance(value, Buffer) or name in state.get("_buffers", ()):
            self._assign_buffer(name, value)
        else:
            if name not in state or state[name] is not value:
                changes.note()
            super().__setattr__(name, value)

    def _assign_buffer(self, name: str, value) -> None:
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(value)}' as buffer '{name}' "
                "(torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if isinstance(value, Buffer):
            self._forget(name, keep=self._buffers)
            self._set_buffer(name, value, value.persistent)
        else:
            self._buffers[name] = value

    def _forget(self, name: str, keep: dict) -> None:
        """Remove ``name`` wherever it is known, except in the registry ``keep``."""
        self.__dict__.pop(name, None)
        for registry in (self._parameters, self._buffers, self._modules):
            if registry is not keep:
                registry.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._non_persistent_buffers_set.discard(name)
                return
        changes.note()
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        names.update(self._parameters, self._modules, self._buffers)
        return sorted(name for name in names if not name[:1].isdigit())

    # modes and gradients

    def train(self, mode: bool = True) -> "Module":
        """Set the training flag here and in every module below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> "Module":
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> "Module":
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                with no_grad():
                    parameter.grad = parameter.grad.detach().zero_()

    # printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Override to show a layer's settings in its repr."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indent(repr(module))}" for name, module in self._modules.items()]
        if len(extra_lines) == 1 and not children:
            return f"{self._get_name()}({extra_lines[0]})"
        lines = extra_lines + children
        if not lines:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"

    def _repr_html_(self) -> str | None:
        return module_html(self)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def _type_name(value) -> str:
    """How error messages name the type of ``value``; tensors by their legacy type names."""
    return value.type() if isinstance(value, Tensor) else type(value).__name__

"""Parameters as functions of other tensors: ``module.weight`` is computed when it is asked for.

The tensors that are trained lie in ``module.parametrizations.weight``; the class of a parametrised
module is a subclass of its own class with a property for each such tensor.
"""

import copy
from contextlib import contextmanager

from numbatorch.autograd import no_grad
from numbatorch.nn.modules.container import ModuleDict, ModuleList
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import Parameter
from numbatorch.tensor import Tensor

_caching = 0
_cache: dict = {}


@contextmanager
def cached():
    """Inside, every parametrised tensor is computed once."""
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order to ``original`` (or original0, ...)."""

    def __init__(self, modules, original: Tensor | Parameter, unsafe: bool = False):
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        self.is_tensor = True
        originals = original
        with no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    originals = module.right_inverse(originals)
        if not isinstance(originals, Tensor):
            if not isinstance(originals, list | tuple):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got {type(originals).__name__}"
                )
            self.is_tensor = False
        self.ntensors = 1 if self.is_tensor else len(originals)
        if self.is_tensor:
            self._check_original(original, originals)
            _assign(self, "original", original, originals)
        else:
            for i, part in enumerate(originals):
                _assign(self, f"original{i}", original, part)
        if not unsafe:
            self._check_result(original)

    def _check_original(self, original, new):
        if new.dtype is not original.dtype and not self.unsafe:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
            )

    def _check_result(self, original):
        found = self()
        for name in ("dtype", "shape"):
            if getattr(found, name) != getattr(original, name):
                raise ValueError(
                    f"Registering a parametrization may not change the {name} of the tensor, unless "
                    f"`unsafe` flag is enabled.\nunparametrized {name}: {getattr(original, name)}\n"
                    f"parametrized {name}: {getattr(found, name)}"
                )

    def originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrised tensor becomes ``value``."""
        with no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            for target, source in zip(self.originals(), [value] if self.is_tensor else value):
                if target.shape == source.shape:
                    target.copy_(source)
                else:
                    target.data = source

    def forward(self) -> Tensor:
        first, *rest = self
        value = first(*self.originals())
        for module in rest:
            value = module(value)
        return value


def _assign(owner: Module, name: str, like: Tensor, value: Tensor) -> None:
    """Put ``value`` where ``like`` was: a Parameter keeps its identity, a buffer stays a buffer."""
    if not isinstance(like, Parameter):
        owner.register_buffer(name, value)
    elif value.shape == like.shape and name == "original":
        with no_grad():
            like.data = value.detach()
        owner.register_parameter(name, like)
    else:
        owner.register_parameter(name, Parameter(value.detach(), like.requires_grad))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute ``module.tensor_name`` by ``parametrization`` from now on; further ones follow it."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module.parametrizations[tensor_name], parametrization, unsafe)
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        entries = ParametrizationList([parametrization], original, unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module)
            module.parametrizations = ModuleDict()
        _add_property(module, tensor_name)
        module.parametrizations[tensor_name] = entries
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with "
            f"name '{tensor_name}'"
        )
    return module


def _append(entries: ParametrizationList, parametrization: Module, unsafe: bool) -> None:
    value = entries()
    if not unsafe:
        found = parametrization(value)
        if found.shape != value.shape or found.dtype is not value.dtype:
            raise ValueError(
                "Registering a parametrization may not change the shape or the dtype of the tensor, "
                f"unless the `unsafe` flag is enabled: {list(value.shape)} {value.dtype} became "
                f"{list(found.shape)} {found.dtype}"
            )
    if hasattr(parametrization, "right_inverse"):
        with no_grad():
            before = parametrization.right_inverse(value)
        entries.right_inverse(before)
    entries.append(parametrization)


def _give_own_class(module: Module) -> None:
    kind = type(module)

    def refuse_pickle(self):
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()."
        )

    def deep_copy(self, memo):
        result = type(self).__new__(type(self))
        memo[id(self)] = result
        result.__dict__ = copy.deepcopy(self.__dict__, memo)
        own = type(kind.__name__, type(self).__bases__, dict(vars(type(self))))
        result.__class__ = own
        return result

    module.__class__ = type(
        f"Parametrized{kind.__name__}",
        (kind,),
        {"__getstate__": refuse_pickle, "__deepcopy__": deep_copy, "__module__": kind.__module__},
    )


def _add_property(module: Module, name: str) -> None:
    def read(self):
        if not _caching:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def write(self, value):
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations (of this tensor)."""
    entries = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(entries, ModuleDict):
        return False
    return len(entries) > 0 if tensor_name is None else tensor_name in entries


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make ``module.tensor_name`` a plain tensor again: its present value, or the original."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    entries = module.parametrizations[tensor_name]
    original = entries.originals()[0]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach()
        if not entries.is_tensor:
            original = Parameter(value) if isinstance(original, Parameter) else value
        else:
            original.data = value
    elif not entries.is_tensor:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized "
            "in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before it was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give ``to_module`` the parametrizations of another module, and their originals."""
    names = [tensor_name] if tensor_name is not None else list(from_module.parametrizations)
    for name in names:
        for parametrization in from_module.parametrizations[name]:
            register_parametrization(to_module, name, copy.deepcopy(parametrization), unsafe=True)
        ours, theirs = to_module.parametrizations[name], from_module.parametrizations[name]
        with no_grad():
            for target, source in zip(ours.originals(), theirs.originals()):
                target.data = source.detach().clone()
    return to_module

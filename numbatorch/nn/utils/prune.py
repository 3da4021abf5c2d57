"""Pruning: parameters times masks (`torch.nn.utils.prune`).

``module.weight`` becomes ``weight_orig * weight_mask``, computed before every forward.
"""

from abc import ABC, abstractmethod
from numbers import Integral

from numbatorch import ops, random_tensors
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import Parameter
from numbatorch.tensor import Tensor


class BasePruningMethod(ABC):
    """A hook that applies a mask; subclasses say in ``compute_mask`` how the mask is found."""

    _tensor_name: str
    PRUNING_TYPE = "unstructured"

    def __call__(self, module: Module, inputs: tuple) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of ``t``: 0 where it is pruned, and where ``default_mask`` is 0."""

    def apply_mask(self, module: Module) -> Tensor:
        """The original times the mask."""
        mask = getattr(module, f"{self._tensor_name}_mask")
        original = getattr(module, f"{self._tensor_name}_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args, importance_scores=None, **kwargs):
        """Prune ``module.name``; what was pruned before stays pruned."""
        previous = _hook_of(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, f"{name}_orig" if previous else name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}"
            )
        if previous is None:
            if not isinstance(method, PruningContainer):
                mask = method.compute_mask(scores.detach(), ops.ones_like(original))
            _replace_by_original(module, name, original)
        else:
            key, old = previous
            container = old if isinstance(old, PruningContainer) else PruningContainer(old)
            container._tensor_name = name
            container.add_pruning_method(method)
            mask = container.compute_mask(
                scores.detach(), getattr(module, f"{name}_mask").to(original.dtype)
            )
            del module._forward_pre_hooks[key]
            method = container
        module.register_buffer(f"{name}_mask", mask.detach())
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores=None
    ) -> Tensor:
        """``t`` with the pruned elements at zero."""
        scores = t if importance_scores is None else importance_scores
        mask = default_mask if default_mask is not None else ops.ones_like(t)
        return t * self.compute_mask(scores, mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor a parameter for good."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        original.data = weight.detach()
        del module._buffers[f"{name}_mask"]
        setattr(module, name, original)


def _hook_of(module: Module, name: str):
    """(id, hook) of the pruning of a tensor, None where there is none."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


def _replace_by_original(module: Module, name: str, original: Parameter) -> None:
    module.register_parameter(f"{name}_orig", original)
    del module._parameters[name]


class PruningContainer(BasePruningMethod):
    """Several prunings of one tensor, one after the other."""

    def __init__(self, *methods: BasePruningMethod):
        self._pruning_methods: tuple = ()
        for method in methods[:1]:
            self._tensor_name = getattr(method, "_tensor_name", None)
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Prune by one more method."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method, among what the others left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            kept = mask == 1
            result = mask.clone()
            result[kept] = method.compute_mask(t[kept], mask[kept]).to(mask.dtype)
            return result
        if method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            others = [d for d in range(t.dim()) if d != dim]
            kept = (mask.sum(others) != 0).nonzero().flatten()
        elif method.PRUNING_TYPE == "global":
            dim, kept = 0, ops.ones_like(mask).flatten(1).sum(1).nonzero().flatten()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        part = method.compute_mask(t.index_select(dim, kept), mask.index_select(dim, kept))
        return mask.clone().index_copy_(dim, kept, part.to(mask.dtype))


class Identity(BasePruningMethod):
    """Prunes nothing; the masks of a user's own go in through it."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _ByAmount(BasePruningMethod):
    """Prunes a number of elements, or a share of them."""

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount


class RandomUnstructured(_ByAmount):
    """Prunes elements at random."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        _check_count(count, t.numel())
        mask = default_mask.clone()
        if count:
            _, index = random_tensors.rand_like(t).reshape(-1).topk(count)
            mask.view(-1)[index] = 0
        return mask


class L1Unstructured(_ByAmount):
    """Prunes the elements of the least absolute value."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        _check_count(count, t.numel())
        mask = default_mask.clone()
        if count:
            _, index = t.abs().reshape(-1).topk(count, largest=False)
            mask.view(-1)[index] = 0
        return mask


class _Structured(_ByAmount):
    """Prunes whole slices along a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {tuple(t.shape)} with {t.dim()} dims"
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {tuple(t.shape)}")
        size = t.shape[self.dim]
        count = _count(self.amount, size)
        _check_count(count, size)
        if not count:
            return default_mask
        _, kept = self._scores(t).topk(size - count)
        chosen = t.new_zeros(size)
        chosen[kept] = 1
        form = [1] * t.dim()
        form[self.dim] = size
        return default_mask * chosen.reshape(form).to(default_mask.dtype)


class RandomStructured(_Structured):
    """Prunes slices at random."""

    def _scores(self, t: Tensor) -> Tensor:
        return random_tensors.rand(t.shape[self.dim])


class LnStructured(_Structured):
    """Prunes the slices of the least norm."""

    def __init__(self, amount, n, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor) -> Tensor:
        dim = self.dim % t.dim()
        return t.norm(self.n, [d for d in range(t.dim()) if d != dim])


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask of the user's own."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def _check_amount(amount) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    bad = amount < 0 if isinstance(amount, Integral) else not 0.0 <= amount <= 1.0
    if bad:
        raise ValueError(
            f"amount={amount} should either be a float in the range [0.0, 1.0] or a non-negative "
            "integer"
        )


def _check_count(count: int, size: int) -> None:
    if count > size:
        raise ValueError(
            f"amount={count} should be smaller than the number of parameters to prune={size}"
        )


def _count(amount, size: int) -> int:
    return amount if isinstance(amount, Integral) else round(amount * size)


# The functions that programs call -----------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Prune nothing of ``module.name``, but as if something were."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount) -> Module:
    """Prune elements of ``module.name`` at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount, importance_scores=None) -> Module:
    """Prune the elements of ``module.name`` of the least absolute value (or score)."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount, dim: int) -> Module:
    """Prune slices of ``module.name`` along ``dim`` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount, n, dim: int, importance_scores=None) -> Module:
    """Prune the slices of ``module.name`` along ``dim`` of the least n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune ``module.name`` where ``mask`` is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method: type, importance_scores=None, **kwargs) -> None:
    """Prune the elements of several (module, name) together, as if they were one tensor."""
    parameters = list(parameters)
    given = importance_scores or {}
    scores = [given.get(pair, getattr(*pair)) for pair in parameters]
    masks = [
        getattr(module, f"{name}_mask", ops.ones_like(getattr(module, name)))
        for module, name in parameters
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container = PruningContainer()
    container._tensor_name = method._tensor_name = "temp"
    container.add_pruning_method(method)
    found = container.compute_mask(
        ops.cat([score.detach().reshape(-1) for score in scores]),
        ops.cat([mask.reshape(-1) for mask in masks]),
    )
    for (module, name), part in zip(parameters, found.split([mask.numel() for mask in masks])):
        custom_from_mask(module, name, part.view_as(getattr(module, name)))


def remove(module: Module, name: str) -> Module:
    """Make the pruning of ``module.name`` permanent."""
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    key, hook = found
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module: Module) -> bool:
    """Whether something in a module is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for part in module.modules()
        for hook in part._forward_pre_hooks.values()
    )

"""Parameters and buffers: tensors that a Module registers when they are assigned to it."""

from numbatorch import creation
from numbatorch.serialization.rebuild import reduce_parameter
from numbatorch.tensor import Tensor


class Parameter(Tensor):
    """A tensor to be trained; it shares the memory of ``data``."""

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True):
        return _as_leaf(cls, data, requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict) -> "Parameter":
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int):
        return reduce_parameter(self, self.detach())


class Buffer(Tensor):
    """A tensor that belongs to a module's state without being trained."""

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True):
        requires_grad = data is not None and data.requires_grad
        buffer = _as_leaf(cls, data, requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict) -> "Buffer":
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), persistent=self.persistent)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int):
        return _rebuild_buffer, (self.detach(), self.persistent)


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)


def _as_leaf(cls: type, data: Tensor | None, requires_grad: bool) -> Tensor:
    if data is None:
        data = creation.empty(0)
    leaf = data.detach()
    leaf.__class__ = cls
    return leaf.requires_grad_(requires_grad)


_NO_SHAPE_YET = (
    "Can't access the shape of an uninitialized parameter or buffer. "
    "This error usually happens in `load_state_dict` when trying to load "
    "an uninitialized parameter into an initialized one. "
    "Call `forward` to initialize the parameters before accessing their attributes."
)


class UninitializedTensorMixin:
    """A parameter or buffer whose shape is not known yet."""

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Become a tensor of that shape, with arbitrary contents."""
        place = self.device if device is None else device
        memory = creation.empty(shape, device=place, dtype=self.dtype if dtype is None else dtype)
        self.__class__ = self.cls_to_become
        self.data = memory

    @property
    def shape(self):
        raise RuntimeError(_NO_SHAPE_YET)

    @shape.setter
    def shape(self, shape) -> None:
        Tensor.shape.__set__(self, shape)

    @property
    def data(self) -> Tensor:
        return creation.empty(0, device=self.device, dtype=self.dtype)

    @data.setter
    def data(self, value: Tensor) -> None:
        Tensor.data.__set__(self, value)

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is not known yet."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device=None, dtype=None):
        return _as_leaf(cls, creation.empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict) -> "UninitializedParameter":
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: int):
        return type(self), (self.requires_grad, self.device, self.dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad: bool = False, device=None, dtype=None, persistent: bool = True):
        buffer = _as_leaf(cls, creation.empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        return buffer


def is_lazy(param) -> bool:
    """Whether ``param`` has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)

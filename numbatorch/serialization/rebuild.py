"""Tensors taken apart into a storage and a view of it, and put together again.

The functions that rebuild have PyTorch's names, because a file calls them by these. They check what
they are given, because a file may say anything.
"""

import copy
from collections import OrderedDict

from .. import dtypes, graph, shapes
from ..array import initialise
from . import storages
from .storages import TypedStorage

_MOST_BYTES = 1 << 62


# Apart --------------------------------------------------------------------------------------------


def reduce_tensor(tensor, kind):
    """What `__reduce_ex__` of a tensor returns; `kind` is the plain Tensor class."""
    view = (
        tensor.offset, tuple(tensor.shape), tuple(tensor.strides), tensor.requires_grad,
        OrderedDict(),
    )  # fmt: skip
    if tensor.dtype.is_storage_only:  # no storage class stands for it
        bytes_ = TypedStorage(tensor.storage, dtypes.uint8)
        plain = _rebuild_tensor_v3, (bytes_, *view, tensor.dtype)
    else:
        plain = _rebuild_tensor_v2, (TypedStorage(tensor.storage, tensor.dtype), *view)
    state = dict(vars(tensor)) if hasattr(tensor, "__dict__") else {}
    if type(tensor) is kind and not state:
        return plain
    return _rebuild_from_type_v2, (plain[0], type(tensor), plain[1], state)


def reduce_parameter(parameter, data):
    """What `__reduce_ex__` of a Parameter with the tensor `data` returns."""
    state = dict(vars(parameter)) if hasattr(parameter, "__dict__") else {}
    parts = (data, parameter.requires_grad, OrderedDict())
    if state:
        return _rebuild_parameter_with_state, (*parts, state)
    return _rebuild_parameter, parts


def deepcopy_tensor(tensor, memo):
    """A deep copy of a leaf; tensors that share memory share it in the copy too."""
    if id(tensor) in memo:
        return memo[id(tensor)]
    if tensor.grad_fn is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    storage = memo.get(id(tensor.storage))
    if storage is None:
        storage = memo[id(tensor.storage)] = storages.copy_of(tensor.storage)
    result = graph.blank(type(tensor))
    initialise(result, storage, tensor.dtype, tensor.shape, tensor.strides, tensor.offset)
    memo[id(tensor)] = result
    if hasattr(tensor, "__dict__"):
        vars(result).update(copy.deepcopy(vars(tensor), memo))
    result._requires_grad = tensor._requires_grad
    if tensor._grad is not None:
        result._grad = deepcopy_tensor(tensor._grad, memo)
    return result


# Together -----------------------------------------------------------------------------------------


def _rebuild_tensor_v2(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None
):
    return _view(storage, storage.dtype, storage_offset, size, stride, requires_grad)


def _rebuild_tensor_v3(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None
):
    return _view(storage, dtype, storage_offset, size, stride, requires_grad)


def _rebuild_parameter(data, requires_grad, backward_hooks):
    from ..nn.parameter import Parameter

    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    parameter = _rebuild_parameter(data, requires_grad, backward_hooks)
    return _with_state(parameter, state)


def _rebuild_from_type_v2(function, new_type, arguments, state):
    result = function(*arguments)
    if type(result) is not new_type:
        result = result.as_subclass(new_type)
    return _with_state(result, state)


def _with_state(value, state):
    if state:
        slots = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        vars(value).update(state or {})
        for name, item in (slots or {}).items():
            setattr(value, name, item)
    return value


def _view(storage, dtype, offset, size, stride, requires_grad):
    """A leaf that looks into `storage`; ValueError where it would look beyond it."""
    size, stride = _whole_numbers(size, "size"), _whole_numbers(stride, "stride")
    (offset,) = _whole_numbers((offset,), "offset")
    if len(size) != len(stride):
        raise ValueError(f"a tensor of size {size} cannot have strides {stride}")
    count = shapes.numel(size)
    reach = offset + sum((n - 1) * step for n, step in zip(size, stride)) + 1 if count else 0
    if reach * dtype.itemsize > storage.storage.nbytes or count * dtype.itemsize > _MOST_BYTES:
        raise ValueError(
            f"a tensor of size {size}, strides {stride} and offset {offset} does not fit into "
            f"{storage.storage.nbytes} bytes"
        )
    value = initialise(graph.blank(), storage.storage, dtype, shapes.Size(size), stride, offset)
    if requires_grad:
        if not (dtype.is_floating_point or dtype.is_complex):
            raise ValueError(f"a tensor of dtype {dtype} cannot require gradients")
        value._requires_grad = True
    return value


def _whole_numbers(values, what):
    if not isinstance(values, tuple | list) or not all(type(n) is int and n >= 0 for n in values):
        raise ValueError(f"a tensor's {what} must be of whole numbers, but is {values!r}"[:200])
    return tuple(values)

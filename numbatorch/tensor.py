"""Tensor: the value that users hold. Its methods are thin calls into ops."""

import operator

import numpy as np

from . import (
    autograd,
    changes,
    devices,
    display,
    dtypes,
    graph,
    interchange,
    printing,
    recording,
    shapes,
    shared_memory,
)
from .array import initialise
from .creation import check_can_require_grad
from .graph import RemovableHandle, Value
from .layouts import strided
from .legacy import construct, new
from .ops import arithmetic, registry
from .ops.casting import to_device
from .serialization import UntypedStorage, rebuild


class Tensor(Value):
    """A multi-dimensional array that autograd follows (`torch.Tensor`)."""

    def __new__(cls, *arguments, device=None):
        """The old constructor: sizes, or data of the default dtype."""
        found = construct(cls, dtypes.get_default_dtype(), arguments)
        return found if device is None else found.to(device)

    # Form -----------------------------------------------------------------

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def device(self):
        return devices.of(self)

    @property
    def is_cuda(self):
        return self.storage.device_type == "cuda"

    is_sparse = is_quantized = is_meta = is_mkldnn = is_mps = is_nested = is_xpu = False
    is_cpu = property(lambda self: self.storage.device_type == "cpu")
    is_sparse_csr = is_ipu = is_maia = is_mtia = is_vulkan = is_xla = False
    layout = strided
    name = None

    new = new

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[shapes.wrap_dim(dim, self.ndim)]

    def stride(self, dim=None):
        return self.strides if dim is None else self.strides[shapes.wrap_dim(dim, self.ndim)]

    def storage_offset(self):
        return self.offset

    def dim(self):
        return len(self.shape)

    def numel(self):
        return shapes.numel(self.shape)

    nelement = numel
    ndimension = dim

    def element_size(self):
        return self.dtype.itemsize

    @property
    def itemsize(self):
        return self.dtype.itemsize

    @property
    def nbytes(self):
        return self.numel() * self.dtype.itemsize

    def is_contiguous(self, memory_format=None):
        return self.contiguous_layout

    def is_floating_point(self):
        return self.dtype.is_floating_point

    def is_complex(self):
        return self.dtype.is_complex

    def is_signed(self):
        return self.dtype.is_signed

    def get_device(self):
        return self.storage.device_index if self.is_cuda else -1

    def data_ptr(self):
        return self.address if self.numel() else 0

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    __hash__ = object.__hash__

    # Values ---------------------------------------------------------------

    def item(self):
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        return _python_number(to_device(self, devices.CPU).as_numpy().reshape(()))

    def tolist(self):
        host = to_device(self, devices.CPU).as_numpy()
        if self.dtype is dtypes.bfloat16:
            host = host.astype(np.float32)
        return host.tolist()

    def numpy(self, *, force=False):
        if force:
            return self.detach().cpu().numpy()
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        if self.storage.device_type != "cpu":
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to "
                "copy the tensor to host memory first."
            )
        if self.dtype is dtypes.bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.as_numpy()

    def __array__(self, dtype=None, copy=None):
        found = self.numpy()
        if dtype is not None and found.dtype != dtype:
            if copy is False:
                raise ValueError("a cast needs a copy")
            return found.astype(dtype)
        return found.copy() if copy else found

    __array_priority__ = 1000

    def __array_wrap__(self, array, context=None, return_scalar=False):
        from .creation import from_numpy

        return from_numpy(np.asarray(array).astype(np.uint8) if array.dtype == bool else array)

    def __contains__(self, element):
        if not isinstance(element, _OPERANDS):
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(element)}."
            )
        return bool((element == self).any())

    def __reversed__(self):
        return self.flip(0) if self.shape else self

    @property
    def __array_interface__(self):
        return interchange.array_interface(self)

    @property
    def __cuda_array_interface__(self):
        return interchange.cuda_array_interface(self)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return interchange.to_dlpack(self, max_version, dl_device, copy)

    def __dlpack_device__(self):
        return interchange.dlpack_device(self)

    def __bool__(self):
        if self.numel() == 1:
            return bool(self.item())
        if self.numel() == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")

    def __int__(self):
        return int(self._real_number("int64_t"))

    def __float__(self):
        return float(self._real_number("double"))

    def __complex__(self):
        return complex(self._only_number())

    def _only_number(self):
        if self.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def _real_number(self, kind):
        number = self._only_number()
        if isinstance(number, complex):
            if number.imag != 0:
                raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
            return number.real
        return number

    def __index__(self):
        if self.dtype.category > dtypes.INTEGRAL or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __format__(self, spec):
        if not self.shape and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self):
        return printing.text_of(self)

    def _repr_html_(self):
        return display.tensor_html(self)

    def __reduce_ex__(self, protocol):
        return rebuild.reduce_tensor(self, Tensor)

    def __deepcopy__(self, memo):
        return rebuild.deepcopy_tensor(self, memo)

    def share_memory_(self):
        shared_memory.share(self.storage)
        return self

    def is_shared(self):
        return shared_memory.is_shared(self.storage)

    def untyped_storage(self):
        return UntypedStorage(self.storage)

    def _is_view(self):
        """Whether this tensor looks at another one's memory, and autograd knows of which."""
        return self._base is not None

    # Autograd -------------------------------------------------------------

    @property
    def requires_grad(self):
        if self._base is not None and self._restriction is None:
            graph.synchronise(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, flag):
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad=True):
        if requires_grad:
            check_can_require_grad(self.dtype)
        elif not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        if self._requires_grad is not bool(requires_grad):
            changes.note()
            self._requires_grad = bool(requires_grad)
        return self

    @property
    def grad_fn(self):
        if self._base is not None:
            graph.synchronise(self)
        return self._node

    @property
    def is_leaf(self):
        return self.grad_fn is None

    @property
    def output_nr(self):
        return self._output_index

    @property
    def _version(self):
        return self.storage.version

    def is_inference(self):
        return self._inference

    @property
    def grad(self):
        if recording.recorder is not None:
            recording.recorder.gradient_used(self)
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            if not (isinstance(value, Tensor) or getattr(value, "is_sparse", False)):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value)}"
                )
            if value.shape != self.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {list(value.shape)}, expected "
                    f"{list(self.shape)}"
                )
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype.name}' to a tensor "
                    f"with dtype '{self.dtype.name}'. The gradient must match the tensor's dtype"
                )
        if recording.recorder is not None:
            recording.recorder.gradient_set(self)
        self._grad = value

    @grad.deleter
    def grad(self):
        self.grad = None

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self):
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is None or self._retains_grad:
            return
        self._retains_grad = True
        action = autograd.RetainedGradient(self)
        RemovableHandle(self._retained_actions(), (self._output_index, action))

    @property
    def retains_grad(self):
        return self._retains_grad

    def _retained_actions(self):
        if self._node.retained is None:
            self._node.retained = {}
        return self._node.retained

    def register_hook(self, hook):
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            return RemovableHandle(self._retained_actions(), (self._output_index, hook))
        if self._hooks is None:
            self._hooks = {}
        changes.note()
        return RemovableHandle(self._hooks, hook)

    def register_post_accumulate_grad_hook(self, hook):
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        if self._hooks is None:
            self._hooks = {}
        changes.note()
        return RemovableHandle(self._hooks, autograd.PostAccumulateHook(hook))

    @property
    def data(self):
        result = graph.alias(self)
        result._untracked = True
        return result

    @data.setter
    def data(self, value):
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        changes.note()
        initialise(self, value.storage, value.dtype, value.shape, value.strides, value.offset)

    def detach_(self):
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        changes.note()
        self._node, self._output_index, self._requires_grad = None, 0, False
        return self

    # Parts of complex numbers ---------------------------------------------

    @property
    def real(self):
        return registry.FUNCTIONS["real"](self)

    @real.setter
    def real(self, value):
        self.real.copy_(value)

    @property
    def imag(self):
        return registry.FUNCTIONS["imag"](self)

    @imag.setter
    def imag(self, value):
        self.imag.copy_(value)

    # Operators ------------------------------------------------------------

    def __neg__(self):
        return arithmetic.neg(self)

    def __pos__(self):
        return self


def _python_number(host):
    if host.dtype == dtypes.bfloat16.numpy:
        return float(host)
    return host.item()


def _operator(operation):
    """A method for a Python operator; NotImplemented where the other operand is no number.

    An array's own operator then computes with NumPy, in NumPy's dtype, and gives a tensor.
    """

    def apply(self, other):
        if isinstance(other, _OPERANDS):
            return operation(self, other)
        return NotImplemented

    return apply


def _reflected_operator(operation, numpy_operation):
    """As `_operator` for a tensor on the right; of arrays, which wait for it, NumPy computes it."""

    def apply_reflected(self, other):
        if isinstance(other, _OPERANDS):
            return operation(other, self)
        if isinstance(other, np.ndarray):
            return self.__array_wrap__(np.asarray(numpy_operation(other, self.numpy())))
        return NotImplemented

    return apply_reflected


def _comparison(operation):
    """As `_operator`, for a comparison; an array counts as a tensor."""

    def compare(self, other):
        if isinstance(other, np.ndarray):
            other = _from_array(other)
        return operation(self, other) if isinstance(other, _OPERANDS) else NotImplemented

    return compare


_OPERANDS = (Value, int, float, complex, bool, np.generic)


def _from_array(ndarray):
    from .creation import from_numpy

    return from_numpy(np.ascontiguousarray(ndarray)).reshape(ndarray.shape)


def _invert(self):
    """~self: the other bits, or of bools the negation."""
    if self.dtype.category > dtypes.INTEGRAL:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return registry.FUNCTIONS["bitwise_not"](self)


def _inplace_operator(name):
    def apply(self, other):
        if isinstance(other, np.ndarray):
            return NotImplemented  # the name is bound to the sum, as in PyTorch
        return getattr(self, name)(other)

    return apply


#: Python operator -> the function behind it.
_BINARY_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "true_divide",
    "floordiv": "floor_divide", "mod": "remainder", "pow": "pow", "matmul": "matmul",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip

#: Operators take no `alpha`: they need not pass through the functions that do.
_OPS = {"add": arithmetic.add_op, "sub": arithmetic.sub_op}

_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def attach_methods():
    """Give Tensor the methods and operators that the ops declare."""
    for name, implementation in registry.METHODS.items():
        if name not in vars(Tensor):
            setattr(Tensor, name, _as_method(name, implementation))
    for symbol, name in _BINARY_OPERATORS.items():
        operation = _OPS.get(name) or registry.FUNCTIONS[name]
        setattr(Tensor, f"__{symbol}__", _operator(operation))
        numpy_operation = getattr(operator, f"__{symbol}__")
        setattr(Tensor, f"__r{symbol}__", _reflected_operator(operation, numpy_operation))
        if f"{name}_" in registry.METHODS:
            setattr(Tensor, f"__i{symbol}__", _inplace_operator(f"{name}_"))
    for name in _COMPARISONS:
        if name in registry.FUNCTIONS:
            setattr(Tensor, f"__{name}__", _comparison(registry.FUNCTIONS[name]))
    Tensor.__hash__ = object.__hash__
    if "bitwise_not" in registry.FUNCTIONS:
        Tensor.__invert__ = _invert
    if "abs" in registry.FUNCTIONS:
        Tensor.__abs__ = _as_method("__abs__", registry.FUNCTIONS["abs"])


def _as_method(name, implementation):
    if hasattr(implementation, "__get__") and not isinstance(implementation, type):
        return implementation

    def bound(self, *args, **kwargs):
        return implementation(self, *args, **kwargs)

    bound.__name__ = bound.__qualname__ = name
    bound.__doc__ = implementation.__doc__
    return bound


graph.tensor_type = Tensor
attach_methods()

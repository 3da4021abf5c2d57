"""Moving a module's tensors to another dtype or device, and applying functions to the tree."""

from collections.abc import Callable

from numbatorch import creation, dtypes
from numbatorch.autograd import no_grad
from numbatorch.tensor import Tensor


class ModuleConversion:
    """The part of Module that converts parameters and buffers in place."""

    def apply(self, fn: Callable[["ModuleConversion"], None]):
        """Call ``fn`` with every module below and then with this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable, recurse: bool = True):
        """Replace every tensor by ``fn(tensor)``; Parameters stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            gradient = parameter.grad
            with no_grad():
                parameter.data = fn(parameter.data)
                if gradient is not None:
                    parameter.grad = fn(gradient).requires_grad_(gradient.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.

        Only floating-point and complex tensors change dtype.
        """
        device, dtype, non_blocking, memory_format = _read_destination(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, "
                f"but got desired dtype={dtype}"
            )

        def convert(tensor):
            castable = tensor.is_floating_point() or tensor.is_complex()
            target = dtype if castable else None
            if memory_format is not None and tensor.dim() in (4, 5):
                return tensor.to(device, target, non_blocking, memory_format=memory_format)
            return tensor.to(device, target, non_blocking)

        return self._apply(convert)

    def type(self, dst_type):
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self):
        return self._cast_floating(dtypes.float32)

    def double(self):
        return self._cast_floating(dtypes.float64)

    def half(self):
        return self._cast_floating(dtypes.float16)

    def bfloat16(self):
        return self._cast_floating(dtypes.bfloat16)

    def _cast_floating(self, dtype):
        return self._apply(
            lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor
        )

    def cpu(self):
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None):
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device, recurse: bool = True):
        """Move to ``device`` without keeping any values."""
        return self._apply(
            lambda tensor: creation.empty_like(tensor, device=device), recurse=recurse
        )

    def share_memory(self):
        return self._apply(lambda tensor: tensor.share_memory_())


def _read_destination(*args, device=None, dtype=None, non_blocking=False, memory_format=None):
    """(device, dtype, non_blocking, memory_format) from any form of the arguments of ``to``."""
    if args and isinstance(args[0], Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    elif args and isinstance(args[0], dtypes.dtype):
        args = (device, *args)
    if len(args) > 3:
        raise TypeError(f"to() received an invalid combination of arguments - got {args}")
    device, dtype, non_blocking = (*args, *(device, dtype, non_blocking)[len(args) :])
    return device, dtype, non_blocking, memory_format

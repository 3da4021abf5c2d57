"""Padding layers."""

from numbatorch.nn import functional as F
from numbatorch.nn.modules.module import Module
from numbatorch.nn.sizes import _ntuple
from numbatorch.tensor import Tensor


class _PadNd(Module):
    """Pads the last ``_dims`` dimensions; ``padding`` counts before and after, last one first."""

    _dims: int
    _mode: str

    def __init__(self, padding: int | tuple[int, ...]):
        super().__init__()
        self.padding = _ntuple(2 * self._dims)(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    """Pads with one value."""

    def __init__(self, padding: int | tuple[int, ...], value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_ConstantPadNd):
    """Pads with zeros."""

    def __init__(self, padding: int | tuple[int, ...]):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    """Pads with the other end of the input."""

    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(
                f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)"
            )
        return super().forward(input)


class _ReflectionPadNd(_PadNd):
    """Pads with the input mirrored at its border."""

    _mode = "reflect"


class _ReplicationPadNd(_PadNd):
    """Pads with the border of the input."""

    _mode = "replicate"


class ConstantPad1d(_ConstantPadNd):
    """Pads the last dimension with one value."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads the last two dimensions with one value."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads the last three dimensions with one value."""

    _dims = 3


class ZeroPad1d(_ZeroPadNd):
    """Pads the last dimension with zeros."""

    _dims = 1


class ZeroPad2d(_ZeroPadNd):
    """Pads the last two dimensions with zeros."""

    _dims = 2


class ZeroPad3d(_ZeroPadNd):
    """Pads the last three dimensions with zeros."""

    _dims = 3


class CircularPad1d(_CircularPadNd):
    """Pads the last dimension with its other end."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """Pads the last two dimensions with their other ends."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """Pads the last three dimensions with their other ends."""

    _dims = 3


class ReflectionPad1d(_ReflectionPadNd):
    """Pads the last dimension with its mirror image."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pads the last two dimensions with their mirror images."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pads the last three dimensions with their mirror images."""

    _dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    """Pads the last dimension with its border."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pads the last two dimensions with their border."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pads the last three dimensions with their border."""

    _dims = 3

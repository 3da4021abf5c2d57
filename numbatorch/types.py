"""Names for type hints (`torch.types`)."""

import os
from collections.abc import Sequence
from typing import Any

from .devices import device
from .dtypes import dtype
from .shapes import Size
from .tensor import Tensor

Device = device | str | int | None
FileLike = str | os.PathLike[str] | Any
Number = int | float | bool
Storage = Any
_TensorOrTensors = Tensor | Sequence[Tensor]
_bool, _bytes, _complex, _device, _dtype, _float, _int = (
    bool,
    bytes,
    complex,
    device,
    dtype,
    float,
    int,
)
_size = Size | list[int] | tuple[int, ...]

"""Files of the safetensors format, read through its library."""

import os

from .. import dtypes, graph, shapes
from ..array import initialise
from .storages import from_bytes, placement

_DTYPES = {
    "F64": dtypes.float64, "F32": dtypes.float32, "F16": dtypes.float16, "BF16": dtypes.bfloat16,
    "I64": dtypes.int64, "I32": dtypes.int32, "I16": dtypes.int16, "I8": dtypes.int8,
    "U64": dtypes.uint64, "U32": dtypes.uint32, "U16": dtypes.uint16, "U8": dtypes.uint8, "BOOL": dtypes.bool_, "C64": dtypes.complex64,
}  # fmt: skip


def is_safetensors(path):
    return os.fspath(path).endswith(".safetensors")


def load(path, map_location):
    """A dict of the tensors in a file; `map_location` is a device or its name."""
    if isinstance(map_location, dict) or callable(map_location):
        raise RuntimeError(
            "Loading a safetensors file with dict or callable map_location is not supported. Use a "
            "device string or torch.device instead."
        )
    try:
        from safetensors import deserialize
    except ImportError:
        raise RuntimeError(
            "Attempting to load a safetensors file but safetensors is not installed. Please "
            "install safetensors with: pip install safetensors"
        ) from None
    place = placement(map_location)
    with open(path, "rb") as file:
        parts = deserialize(file.read())
    return {name: _tensor(part, place) for name, part in parts}


def _tensor(part, place):
    dtype, shape = _DTYPES.get(part["dtype"]), shapes.Size(part["shape"])
    if dtype is None:
        raise RuntimeError(f"there is no dtype for safetensors' {part['dtype']}")
    storage = place(from_bytes(part["data"]), "cpu")
    return initialise(
        graph.blank(), storage, dtype, shape, shapes.contiguous_strides(shape)
    )  # fmt: skip

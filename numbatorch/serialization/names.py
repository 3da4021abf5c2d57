"""How things are called in a file: by their names in PyTorch, so that PyTorch reads it."""

import _compat_pickle
import importlib
import pickle

from .. import dtypes

PACKAGE = __name__.partition(".")[0]

#: dtype -> the name of the storage class that stands for it in a file.
STORAGE_NAMES = {
    dtypes.float64: "DoubleStorage", dtypes.float32: "FloatStorage", dtypes.float16: "HalfStorage",
    dtypes.bfloat16: "BFloat16Storage", dtypes.int64: "LongStorage", dtypes.int32: "IntStorage",
    dtypes.int16: "ShortStorage", dtypes.int8: "CharStorage", dtypes.uint8: "ByteStorage",
    dtypes.bool_: "BoolStorage", dtypes.complex64: "ComplexFloatStorage",
    dtypes.complex128: "ComplexDoubleStorage",
}  # fmt: skip


class StorageType:
    """What a file's `torch.FloatStorage` and its kin become: a dtype by another name."""

    def __init__(self, dtype):
        self.dtype = dtype


class UntypedStorageType:
    """What `torch.storage.UntypedStorage` becomes: bytes, whose dtype the tensor says."""

    dtype = dtypes.uint8


STORAGE_TYPES = {name: StorageType(dtype) for dtype, name in STORAGE_NAMES.items()}

#: (module, name) in this package -> (module, name) in PyTorch, where they differ in more than
#: the package's name.
_RENAMED = {
    (f"{PACKAGE}.shapes", "Size"): ("torch", "Size"),
    (f"{PACKAGE}.devices", "device"): ("torch", "device"),
    (f"{PACKAGE}.tensor", "Tensor"): ("torch", "Tensor"),
    (f"{PACKAGE}.random", "Generator"): ("torch._C", "Generator"),
    (f"{PACKAGE}.nn.modules.attention", "MultiheadAttention"): (
        "torch.nn.modules.activation", "MultiheadAttention",
    ),
    **{
        (f"{PACKAGE}.dtypes", f"{name}_" if name == "bool" else name): ("torch", name)
        for name in [dtype.name for dtype in dtypes.ALL]
    },
    **{
        (f"{PACKAGE}.serialization.rebuild", name): ("torch._utils", name)
        for name in (
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
        )
    },
    (f"{PACKAGE}.serialization.rebuild", "_rebuild_from_type_v2"): (
        "torch._tensor", "_rebuild_from_type_v2",
    ),
}  # fmt: skip

#: Packages of functions here that are one module in PyTorch.
_FOLDERS = {f"{PACKAGE}.nn.functional.": "torch.nn.functional", f"{PACKAGE}.ops.": "torch"}

_OURS = {theirs: ours for ours, theirs in _RENAMED.items()}


def to_torch(module, name):
    """PyTorch's (module, name) of something of ours; others keep theirs."""
    if (module, name) in _RENAMED:
        return _RENAMED[module, name]
    for folder, theirs in _FOLDERS.items():
        if module.startswith(folder):
            return theirs, name
    if module == PACKAGE or module.startswith(PACKAGE + "."):
        return "torch" + module[len(PACKAGE) :], name
    return module, name


def modern(module, name):
    """(module, name) in Python 3 of names that protocol 2 writes as Python 2 had them."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def find(module, name):
    """What PyTorch's `module.name` is here; UnpicklingError where we have no such thing."""
    if name in STORAGE_TYPES and module in ("torch", "torch.storage"):
        return STORAGE_TYPES[name]
    if (module, name) == ("torch.storage", "UntypedStorage"):
        return UntypedStorageType
    if (module, name) == ("torch._C", "_VariableFunctionsClass"):  # what `torch.relu` belongs to
        return importlib.import_module(PACKAGE)
    if (module, name) in _OURS:
        module, name = _OURS[module, name]
        return _attribute(importlib.import_module(module), name)
    for candidate in _candidates(module):
        try:
            return _attribute(importlib.import_module(candidate), name)
        except (ImportError, AttributeError):
            continue
    raise pickle.UnpicklingError(f"{PACKAGE} has nothing called {module}.{name}")


def _candidates(module):
    """The modules of ours to look in: the twin of `module`, then the packages around it."""
    parts = module.split(".")[1:]
    while True:
        yield ".".join([PACKAGE, *parts])
        if not parts:
            return
        parts.pop()


def _attribute(value, dotted):
    for part in dotted.split("."):
        value = getattr(value, part)
    return value

"""load: objects out of a .pt file."""

import io
import mmap as memory_map
import os
import pickle
import warnings

import numpy as np

from .. import memory
from . import legacy, names, safetensors
from .archive import ArchiveReader, is_archive
from .restricted import Unpickler
from .storages import (
    NATIVE_ORDER,
    TypedStorage,
    host_bytes,
    placement,
    storage_identity,
    swap_byte_order,
)


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Read an object that `save`, or PyTorch, wrote to a file or a path.

    With `weights_only` (the default unless a `pickle_module` is given) only tensors, numbers,
    strings and containers of them are made, and a file needs no trust. Without it a file may run any
    code. `map_location` (a device, a dict of locations or a function) says where storages go.
    """
    weights_only = _weights_only(weights_only, pickle_module)
    if pickle_load_args and weights_only:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    if isinstance(f, str | os.PathLike):
        if safetensors.is_safetensors(f):
            return safetensors.load(f, map_location)
        with open(f, "rb") as file:
            return _load(file, map_location, pickle_module, weights_only, mmap, pickle_load_args)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    for needed in ("seek", "tell", "read"):
        if not hasattr(f, needed):
            raise AttributeError(
                "You can only torch.load from a file that is seekable. Please pre-load the data "
                "into a buffer like io.BytesIO and try to load from it instead."
            )
    return _load(f, map_location, pickle_module, weights_only, mmap, pickle_load_args)


_TRUE = ("1", "y", "yes", "true")


def _weights_only(asked, pickle_module):
    force = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    forbid = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    if force and forbid:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    if force:
        asked = True
    elif asked is None:
        asked = pickle_module is None and not forbid
    if asked and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return asked


def _load(file, map_location, pickle_module, weights_only, mmap, arguments):
    place = placement(map_location)
    arguments.setdefault("encoding", "utf-8")
    try:
        if is_archive(file):
            source = _Archive(file, place, mmap)
        elif mmap:
            raise RuntimeError("mmap can only be used with files in the zip format")
        else:
            source = legacy.LegacyFile(file, place)
        if weights_only:
            return source.load(lambda text: Unpickler(text, source.persistent_load).load())
        return source.load(
            lambda text: _full_unpickler(pickle_module or pickle)(
                text, source.persistent_load, arguments
            ).load()
        )
    except pickle.UnpicklingError as error:
        if weights_only:
            raise pickle.UnpicklingError(_advice(str(error))) from None
        raise


def _advice(message):
    return (
        "Weights only load failed. In PyTorch 2.6, we changed the default value of the "
        "`weights_only` argument in `torch.load` from `False` to `True`. Re-running `torch.load` "
        "with `weights_only` set to `False` will likely succeed, but it can result in arbitrary "
        "code execution. Do it only if you got the file from a trusted source.\n"
        f"WeightsUnpickler error: {message}"
    )


def _full_unpickler(module):
    """An unpickler of `module` that finds our classes under PyTorch's names."""

    class FullUnpickler(module.Unpickler):
        def __init__(self, file, persistent_load, arguments):
            super().__init__(file, **arguments)
            self._persistent_load = persistent_load

        def persistent_load(self, identity):
            return self._persistent_load(identity)

        def find_class(self, module_name, name):
            if module_name == "torch" or module_name.startswith("torch."):
                return names.find(module_name, name)
            return super().find_class(module_name, name)

    return FullUnpickler


class _Archive:
    """The zip format: storages are read when the pickle first mentions them."""

    def __init__(self, file, place, mmap):
        self.reader = ArchiveReader(file)
        self.place = place
        self.storages = {}
        self.left = self.reader.size
        self.mapped = None
        if "data.pkl" not in self.reader:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found")
        if "constants.pkl" in self.reader:
            raise RuntimeError("TorchScript archives cannot be loaded")
        if mmap:
            self.mapped = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)

    def load(self, unpickle):
        self.swapped = False
        if "byteorder" in self.reader:
            order = self.reader.read_record("byteorder").decode("ascii", "replace")
            if order not in ("little", "big"):
                raise ValueError(f"Unknown endianness type: {order}")
            self.swapped = order != NATIVE_ORDER
        return unpickle(io.BytesIO(self.reader.read_record("data.pkl")))

    def persistent_load(self, identity):
        kind, key, location, count = storage_identity(identity, 5)[:4]
        name = f"data/{key}"
        size = count * kind.dtype.itemsize
        if key not in self.storages:
            self._take(name, size)
            self.storages[key] = self.place(self._read(name, size, kind), location)
        storage = self.storages[key]
        if storage.nbytes != size:
            raise pickle.UnpicklingError(f"storage {key} is given two sizes")
        return TypedStorage(storage, kind.dtype)

    def _take(self, name, size):
        """UnpicklingError where a record is not of this size, or all are larger than the file."""
        found = self.reader.size_of(name)
        self.left -= size
        if found != size or self.left < 0:
            raise pickle.UnpicklingError(f"record {name} has {found} bytes instead of {size}")

    def _read(self, name, size, kind):
        if self.mapped is not None and size and not self.swapped:
            view = np.frombuffer(self.mapped, np.uint8, size, self.reader.position_of(name))
            if view.ctypes.data % kind.dtype.itemsize == 0:
                return memory.Storage.borrow(view.ctypes.data, size, view)
        storage = memory.Storage(size)
        if size:
            self.reader.read_into(name, host_bytes(storage))
        if self.swapped:
            swap_byte_order(storage, kind.dtype)
        return storage

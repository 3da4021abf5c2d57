"""Storages on their way to and from a file: typed handles, bytes, and the place they go to."""

import copyreg
import io
import pickle
import sys

import numpy as np

from .. import array, devices, dtypes, memory, shapes


class TypedStorage:
    """A storage seen through a dtype: what stands for a tensor's memory in a pickle."""

    __slots__ = ("storage", "dtype")

    def __init__(self, storage, dtype):
        self.storage = storage
        self.dtype = dtype

    def __reduce__(self):
        return TypedStorage, (self.storage, self.dtype)

    @property
    def count(self):
        """How many elements it holds."""
        return self.storage.nbytes // self.dtype.itemsize


def location_of(storage):
    """Where a storage lies, as a file says it: "cpu", "cuda:0"."""
    if storage.device_type == "cpu":
        return "cpu"
    return f"{storage.device_type}:{storage.device_index}"


def storage_identity(identity, length):
    """(kind, key, location, count, ...) of a storage's persistent id, checked."""
    if len(identity) != length:
        raise pickle.UnpicklingError(f"a storage is not identified by {len(identity)} items")
    _, kind, key, location, count, *rest = identity
    if not hasattr(kind, "dtype") or type(count) is not int or count < 0:
        raise pickle.UnpicklingError("a storage has a type and a size")
    key, location = (
        item.decode("ascii", "replace") if isinstance(item, bytes) else item
        for item in (key, location)
    )
    if type(key) is not str or type(location) is not str:
        raise pickle.UnpicklingError("a storage has a key and a location")
    return kind, key, location, count, *rest


def bytes_left(file):
    """How many bytes a file has after its present position."""
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here


def host_bytes(storage):
    """The bytes of a storage as a NumPy array, without a copy where they lie in host memory."""
    if storage.device_type == "cpu":
        return np.asarray(storage)
    host = np.empty(storage.nbytes, np.uint8)
    storage.copy_to_host(host)
    return host


def from_bytes(data):
    """A storage in host memory with these bytes."""
    storage = memory.Storage(len(data))
    np.asarray(storage)[...] = np.frombuffer(data, np.uint8)
    return storage


def _reduce_storage(storage):
    return from_bytes, (host_bytes(storage).tobytes(),)


copyreg.pickle(memory.Storage, _reduce_storage)


def copy_of(storage):
    """Another storage with the same bytes, on the same device."""
    place = devices.CPU
    if storage.device_type != "cpu":
        place = devices.device(storage.device_type, storage.device_index)
    return moved(storage, place)


def moved(storage, place):
    """A new storage on `place` with the same bytes."""
    result = devices.new_storage(storage.nbytes, place)
    if storage.nbytes:
        _copy(_as_bytes(result), _as_bytes(storage))
    return result


def _as_bytes(storage):
    shape = shapes.Size((storage.nbytes,))
    return array.initialise(array.Array(), storage, dtypes.uint8, shape, (1,), 0)


def _copy(target, source):
    if target.storage.device_type == source.storage.device_type == "cpu":
        np.asarray(target.storage)[...] = np.asarray(source.storage)
    else:
        devices.transfer(target, source)


def swap_byte_order(storage, dtype):
    """Turn big-endian elements around, in place."""
    size = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    if size > 1:
        bytes_ = np.asarray(storage)
        bytes_[...] = bytes_.reshape(-1, size)[:, ::-1].ravel()


NATIVE_ORDER = sys.byteorder


# Where storages go --------------------------------------------------------------------------------


def placement(map_location):
    """A function place(storage in host memory, location) -> storage, from `map_location`."""
    if map_location is None:
        return _to_location
    if isinstance(map_location, dict):
        return lambda storage, location: _to_location(storage, map_location.get(location, location))
    if isinstance(map_location, str | bytes):
        text = map_location.decode("ascii") if isinstance(map_location, bytes) else map_location
        return lambda storage, location: _to_location(storage, text)
    if isinstance(map_location, devices.device):
        return lambda storage, location: _to_location(storage, str(map_location))
    return lambda storage, location: _asked(map_location, storage, location)


def _to_location(storage, location):
    place = devices.device(location)
    if place.type == "cpu":
        return storage
    if place.type == "cuda":
        _check_cuda(location)
    return moved(storage, devices.resolve(place))


def _check_cuda(location):
    from ..cuda_memory import is_available

    if not is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            f"map_location=torch.device('cpu') to map your storages to the CPU. (location {location})"
        )


def _asked(function, storage, location):
    handle = UntypedStorage(storage)
    answer = function(handle, location)
    return _to_location(storage, location) if answer is None else answer.storage


class UntypedStorage:
    """The bytes behind a tensor (`torch.UntypedStorage`)."""

    def __init__(self, storage):
        self.storage = storage

    def __repr__(self):
        return f"<UntypedStorage of {self.nbytes()} bytes on {self.device}>"

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self.storage is other.storage

    def __hash__(self):
        return id(self.storage)

    def __len__(self):
        return self.storage.nbytes

    @property
    def device(self):
        return devices.device(location_of(self.storage))

    @property
    def is_cuda(self):
        return self.storage.device_type == "cuda"

    def nbytes(self):
        return self.storage.nbytes

    size = nbytes

    def element_size(self):
        return 1

    def data_ptr(self):
        return self.storage.address if self.storage.nbytes else 0

    def resize_(self, size):
        self.storage.resize(size)
        return self

    def tolist(self):
        return host_bytes(self.storage).tolist()

    def clone(self):
        return UntypedStorage(copy_of(self.storage))

    def cpu(self):
        return self.to("cpu")

    def cuda(self, device=None, non_blocking=False):
        return self.to(devices.device("cuda", device if isinstance(device, int) else None))

    def to(self, device):
        place = devices.resolve(device)
        return self if place == self.device else UntypedStorage(moved(self.storage, place))


class StorageOfTensor(UntypedStorage):
    """What `tensor.storage()` returns; it does not know the dtype that its elements have."""

    def _no_elements(self, *arguments):
        raise TypeError(
            "the storage of a tensor counts bytes here, not elements: use "
            "tensor.untyped_storage() for bytes, or the tensor itself for elements"
        )

    __len__ = __getitem__ = __setitem__ = __iter__ = size = tolist = element_size = _no_elements

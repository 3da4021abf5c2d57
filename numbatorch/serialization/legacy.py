"""The format before zip archives: pickles one after the other, then the storages' bytes."""

import pickle
import struct
import sys

from .. import memory
from . import storages
from .pickler import Pickler
from .storages import TypedStorage, host_bytes, storage_identity

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


class LegacyFile:
    """Storages are made when the pickle mentions them, and filled at the end."""

    def __init__(self, file, place):
        self.file = file
        self.place = place
        self.storages = {}
        self.handles = {}
        self.left = storages.bytes_left(file)

    def load(self, unpickle):
        if unpickle(self.file) != _MAGIC:
            raise RuntimeError("Invalid magic number; corrupt file?")
        version = unpickle(self.file)
        if version != _VERSION:
            raise RuntimeError(f"Invalid protocol version: {version}")
        unpickle(self.file)  # what machine wrote it
        result = unpickle(self.file)
        keys = unpickle(self.file)
        if type(keys) is not list or sorted(map(str, keys)) != sorted(self.storages):
            raise pickle.UnpicklingError("the storages are not those that the objects mention")
        for key in keys:
            self._fill(*self.storages[str(key)])
        return result

    def persistent_load(self, identity):
        if identity[0] in ("module", b"module"):
            return identity[1]
        kind, key, location, count, view = storage_identity(identity, 6)
        size = count * kind.dtype.itemsize
        if key not in self.storages:
            self.left -= size
            if self.left < 0:
                raise pickle.UnpicklingError("the storages are larger than the file")
            self.storages[key] = memory.Storage(size), kind, location
        storage = self.storages[key][0]
        if storage.nbytes != size or view is not None:
            raise pickle.UnpicklingError("views of storages are not supported")
        return TypedStorage(storage, kind.dtype)

    def _fill(self, storage, kind, location):
        (count,) = struct.unpack("<q", self._read(8))
        if count * kind.dtype.itemsize != storage.nbytes:
            raise pickle.UnpicklingError("a storage has another size than the objects say")
        if storage.nbytes:
            host_bytes(storage)[...] = bytearray(self._read(storage.nbytes))
        if self.place(storage, location) is not storage:
            raise RuntimeError("files of the old format can only be loaded onto the CPU")

    def _read(self, count):
        data = self.file.read(count)
        if len(data) != count:
            raise EOFError("Ran out of input")
        return data


class _LegacyPickler(Pickler):
    """Says of every storage also that it is no view of another."""

    def persistent_id(self, obj):
        identity = super().persistent_id(obj)
        return identity and (*identity, None)


def write(obj, file, protocol):
    """Write an object in this format."""
    machine = {
        "protocol_version": _VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for head in (_MAGIC, _VERSION, machine):
        pickle.dump(head, file, protocol)
    pickler = _LegacyPickler(file, protocol)
    pickler.dump(obj)
    handles = dict(pickler.storages.values())
    pickle.dump(sorted(handles), file, protocol)
    for key in sorted(handles):
        file.write(struct.pack("<q", handles[key].count))
        file.write(host_bytes(handles[key].storage))

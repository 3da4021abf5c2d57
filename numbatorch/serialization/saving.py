"""save: objects into a .pt file."""

import contextlib
import io
import os
import pickle
import secrets
import stat
from types import FunctionType

from ..op import Op
from . import names
from .archive import ArchiveWriter, archive_name
from .storages import NATIVE_ORDER, TypedStorage, host_bytes, location_of

DEFAULT_PROTOCOL = 2


def save(
    obj, f, pickle_module=pickle, pickle_protocol=DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization=True, _disable_byteorder_record=False,
):  # fmt: skip
    """Write an object to a file, a path or anything with `write`, as PyTorch does.

    A file given by its path is replaced only when the new one is complete.
    """
    if not _use_new_zipfile_serialization:
        raise NotImplementedError("files are written in the zip format only")
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with _replacing(path) as file:
            _write(obj, file, archive_name(path), pickle_protocol)
    elif hasattr(f, "write"):
        _write(obj, f, "archive", pickle_protocol)
    else:
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )


def _write(obj, file, name, protocol):
    text = io.BytesIO()
    pickler = _Pickler(text, protocol)
    pickler.dump(obj)
    archive = ArchiveWriter(file, name)
    archive.write_record("data.pkl", text.getbuffer())
    archive.write_record(".format_version", b"1")
    archive.write_record(".storage_alignment", b"64")
    archive.write_record("byteorder", NATIVE_ORDER.encode())
    for key, handle in pickler.storages.values():
        archive.write_record(f"data/{key}", host_bytes(handle.storage))
    archive.write_record("version", b"3\n")
    archive.close()
    if hasattr(file, "flush"):
        file.flush()


class _Pickler(pickle._Pickler):
    """Writes storages as numbers and our classes under PyTorch's names.

    The pickler written in Python, because that one asks `save_global` for names.
    """

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        #: id of a storage -> (its number, its handle)
        self.storages = {}

    def persistent_id(self, obj):
        if not isinstance(obj, TypedStorage):
            return None
        key, known = self.storages.setdefault(id(obj.storage), (str(len(self.storages)), obj))
        if known.dtype is not obj.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types ({known.dtype} and {obj.dtype})"
            )
        kind = names.STORAGE_TYPES[names.STORAGE_NAMES[obj.dtype]]
        return "storage", kind, key, location_of(obj.storage), obj.count

    def reducer_override(self, obj):
        return obj.name if isinstance(obj, Op) else NotImplemented

    def save_global(self, obj, name=None):
        if isinstance(obj, Op):
            self._write_global(obj, "torch", name)
            return
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        module = pickle.whichmodule(obj, name)
        theirs = names.to_torch(module, name)
        if theirs == (module, name):
            super().save_global(obj, name)
        else:
            self._write_global(obj, *theirs)

    def save_storage_type(self, obj):
        self._write_global(obj, "torch", names.STORAGE_NAMES[obj.dtype])

    def _write_global(self, obj, module, name):
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    dispatch = {
        **pickle._Pickler.dispatch,
        FunctionType: save_global,
        names.StorageType: save_storage_type,
    }


@contextlib.contextmanager
def _replacing(path):
    """A file to write that takes the place of `path` at the end, and vanishes on an exception."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        with open(target, "wb") as file:  # a device or a pipe cannot be replaced
            yield file
        return
    temporary = f"{target}.{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:
            yield file
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

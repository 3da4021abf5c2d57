"""Host memory that several processes see: anonymous files, mapped."""

import ctypes
import mmap
import os
import tempfile

from .memory import Storage


class _Mapping:
    """A mapped file without a name; the memory lives as long as a process keeps it open."""

    def __init__(self, file, nbytes):
        self.file = file
        self.memory = mmap.mmap(file, nbytes)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))

    def __del__(self):
        os.close(self.file)  # the mapping itself goes with `memory`


def _anonymous_file(nbytes):
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("numbatorch", os.MFD_CLOEXEC)
    else:
        file, path = tempfile.mkstemp()
        os.unlink(path)
    os.ftruncate(file, nbytes)
    return file


def is_shared(storage):
    """Whether other processes can see a storage."""
    return isinstance(storage._owner, _Mapping) or storage.device_type == "cuda"


def share(storage):
    """Move a storage into shared memory, in place: all tensors that look at it follow."""
    if is_shared(storage) or not storage.nbytes:
        return
    mapping = _Mapping(_anonymous_file(storage.nbytes), storage.nbytes)
    ctypes.memmove(mapping.address, storage.address, storage.nbytes)
    storage.address, storage._owner, storage._block = mapping.address, mapping, None


def file_of(storage):
    """The descriptor of a shared storage's file."""
    return storage._owner.file


def opened(file, nbytes):
    """The storage in a shared file, which it closes in the end."""
    mapping = _Mapping(file, nbytes)
    return Storage.borrow(mapping.address, nbytes, mapping)

"""save: objects into a .pt file."""

import contextlib
import io
import os
import pickle
import secrets
import stat

from . import legacy
from .archive import ArchiveWriter, archive_name
from .pickler import Pickler
from .storages import NATIVE_ORDER, host_bytes

DEFAULT_PROTOCOL = 2


def save(
    obj, f, pickle_module=pickle, pickle_protocol=DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization=True, _disable_byteorder_record=False,
):  # fmt: skip
    """Write an object to a file, a path or anything with `write`, as PyTorch does.

    A file given by its path is replaced only when the new one is complete. Without
    `_use_new_zipfile_serialization` it has the format before zip archives.
    """
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        name, target = archive_name(path), _replacing(path)
    elif hasattr(f, "write"):
        name, target = "archive", contextlib.nullcontext(f)
    else:
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    with target as file:
        if _use_new_zipfile_serialization:
            _write_archive(obj, file, name, pickle_protocol)
        else:
            legacy.write(obj, file, pickle_protocol)
        if hasattr(file, "flush"):
            file.flush()


def _write_archive(obj, file, name, protocol):
    text = io.BytesIO()
    pickler = Pickler(text, protocol)
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

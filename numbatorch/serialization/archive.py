"""The zip container of a .pt file: stored records, each beginning at a multiple of 64 bytes.

Written by hand, because `zipfile` does not align records; read through `zipfile`'s directory, with
every size checked against the file before memory is taken.
"""

import io
import os
import struct
import zipfile
import zlib

ALIGNMENT = 64

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_LIMIT = 0xFFFFFFFF
_DATE = 0x21  # the first day that the format knows


class ArchiveWriter:
    """Writes records one after the other to anything with `write`."""

    def __init__(self, file, name):
        self._file = file
        self._name = name
        self._position = 0
        self._directory = []

    def write_record(self, name, data):
        """Add a record of bytes (any object with the buffer interface)."""
        data = memoryview(data).cast("B")
        name = f"{self._name}/{name}".encode()
        crc = zlib.crc32(data)
        start = self._position
        sizes, version, extra = self._large(data.nbytes)
        header_size = _LOCAL.size + len(name) + len(extra)
        extra += self._padding(start + header_size)
        self._write(
            _LOCAL.pack(
                b"PK\3\4", version, 0x800, 0, 0, _DATE, crc, sizes, sizes, len(name), len(extra)
            )
        )
        self._write(name)
        self._write(extra)
        self._write(data)
        self._directory.append((name, crc, data.nbytes, start))

    def close(self):
        """Write the directory; without it the archive cannot be read."""
        start = self._position
        for name, crc, size, offset in self._directory:
            large = size >= _LIMIT or offset >= _LIMIT
            extra = struct.pack("<2H3Q", 1, 24, size, size, offset) if large else b""
            shown = _LIMIT if large else size
            self._write(
                _CENTRAL.pack(
                    b"PK\1\2", 45 if large else 20, 45 if large else 20, 0x800, 0, 0, _DATE, crc,
                    shown, shown, len(name), len(extra), 0, 0, 0, 0, _LIMIT if large else offset,
                )
            )  # fmt: skip
            self._write(name + extra)
        self._write_end(start, self._position - start)

    def _write_end(self, start, size):
        count = len(self._directory)
        if start >= _LIMIT or count >= 0xFFFF:
            end = self._position
            self._write(_END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start))
            self._write(_LOCATOR64.pack(b"PK\6\7", 0, end, 1))
        short = min(count, 0xFFFF)
        self._write(
            _END.pack(b"PK\5\6", 0, 0, short, short, min(size, _LIMIT), min(start, _LIMIT), 0)
        )

    @staticmethod
    def _large(size):
        """(size field, version, extra field) of a local header."""
        if size < _LIMIT:
            return size, 20, b""
        return _LIMIT, 45, struct.pack("<2H2Q", 1, 16, size, size)

    @staticmethod
    def _padding(position):
        """An extra field of zeros after which the data is aligned."""
        return struct.pack("<2s", b"FB") + _sized((-position - 4) % ALIGNMENT)

    def _write(self, data):
        self._file.write(data)
        self._position += len(data)


def _sized(count):
    return struct.pack("<H", count) + bytes(count)


class ArchiveReader:
    """Reads records; RuntimeError where the archive is damaged."""

    def __init__(self, file):
        self._file = file
        file.seek(0, io.SEEK_END)
        #: How many bytes the file has.
        self.size = file.tell()
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise _damaged(f"reading its directory: {error}") from None
        if not entries:
            raise _damaged("it is empty")
        self._prefix = entries[0].filename.partition("/")[0] + "/"
        self._entries = {entry.filename: entry for entry in entries}
        if self._prefix + "version" not in self._entries:
            raise _damaged("it has no record of its version")

    def __contains__(self, name):
        return self._prefix + name in self._entries

    def size_of(self, name):
        """The bytes of a record."""
        return self._entry(name).file_size

    def position_of(self, name):
        """Where the bytes of a record begin in the file."""
        return self._locate(self._entry(name))

    def read_record(self, name):
        """The bytes of a record."""
        data = bytearray(self.size_of(name))
        self.read_into(name, data)
        return bytes(data)

    def read_into(self, name, target):
        """Read a record into writable memory of its size."""
        entry = self._entry(name)
        view = memoryview(target).cast("B")
        if view.nbytes != entry.file_size:
            raise _damaged(f"record {name} has {entry.file_size} bytes instead of {view.nbytes}")
        self._file.seek(self._locate(entry))
        _read_fully(self._file, view)
        if zlib.crc32(view) != entry.CRC:
            raise _damaged(f"record {name} fails its checksum")

    def _entry(self, name):
        entry = self._entries.get(self._prefix + name)
        if entry is None:
            raise _damaged(f"file not found: {self._prefix}{name}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise _damaged(f"record {name} is compressed")
        if entry.file_size > self.size or entry.header_offset < 0:
            raise _damaged(f"record {name} is larger than the file")
        return entry

    def _locate(self, entry):
        self._file.seek(entry.header_offset)
        header = self._file.read(_LOCAL.size)
        if len(header) != _LOCAL.size or header[:4] != b"PK\3\4":
            raise _damaged(f"record {entry.filename} has no header")
        name_size, extra_size = _LOCAL.unpack(header)[-2:]
        start = entry.header_offset + _LOCAL.size + name_size + extra_size
        if start + entry.file_size > self.size:
            raise _damaged(f"record {entry.filename} reaches beyond the end of the file")
        return start


def _damaged(why):
    return RuntimeError(f"PytorchStreamReader failed reading zip archive: {why}")


def _read_fully(file, view):
    """Fill a memoryview from a file; the file may lack `readinto`."""
    if hasattr(file, "readinto"):
        done = 0
        while done < view.nbytes:
            count = file.readinto(view[done:])
            if not count:
                raise _damaged("unexpected end of file")
            done += count
        return
    data = file.read(view.nbytes)
    if len(data) != view.nbytes:
        raise _damaged("unexpected end of file")
    view[:] = data


def is_archive(file):
    """Whether a file begins as a zip archive does; leaves its position as it was."""
    position = file.tell()
    start = file.read(4)
    file.seek(position)
    return start == b"PK\3\4"


def archive_name(path):
    """The name of the folder that all records lie in: that of the file, without its ending."""
    return os.path.splitext(os.path.basename(path))[0] or "archive"

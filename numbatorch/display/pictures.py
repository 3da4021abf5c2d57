"""Small pictures of numbers, as PNG in a data URI: written here, so that no library is needed."""

import base64
import struct
import zlib

import numpy as np

#: Red, green and blue of the least negative value, of zero, and of the greatest positive one.
_NEGATIVE, _ZERO, _POSITIVE = (
    np.array(rgb, float) for rgb in ((33, 102, 172), (247, 247, 247), (178, 24, 43))
)
_NOT_FINITE = (217, 70, 239)


def heat(values):
    """Colours (height x width x 3 bytes) of a matrix: blue below zero, white at it, red above."""
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    greatest = np.abs(values[finite]).max(initial=0.0)
    scaled = np.where(finite, values, 0.0) / (greatest or 1.0)
    towards = np.where(scaled[..., None] < 0, _NEGATIVE, _POSITIVE)
    share = np.sqrt(np.abs(scaled))[..., None]  # small values stay visible
    colours = (_ZERO + (towards - _ZERO) * share).round().astype(np.uint8)
    colours[~finite] = _NOT_FINITE
    return colours


def png(pixels):
    """The bytes of a PNG file of height x width x 3 bytes."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with the filter "none"
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = zlib.compress(rows.tobytes(), 6)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", content), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def image(pixels, width, height, title):
    """An <img> of the pixels, `width` x `height` on the screen."""
    data = base64.b64encode(png(pixels)).decode()
    return (
        f'<img src="data:image/png;base64,{data}" title="{title}" alt="{title}" '
        f'style="width: {width}px; height: {height}px; image-rendering: pixelated; '
        'border: 1px solid #a8a29e; max-width: 100%"/>'
    )

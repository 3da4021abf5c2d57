"""WAV files of integer samples, by the standard library."""

import sys
import wave

import numpy as np

from ..creation import from_numpy
from ..dtypes import float32

#: Bytes of a sample -> (NumPy's type, the greatest value plus one, what stands for silence).
_SAMPLES = {1: ("u1", 128, 128), 2: ("<i2", 1 << 15, 0), 4: ("<i4", 1 << 31, 0)}


def load(path):
    """(samples as channels x time from -1 to 1, samples a second); RuntimeError where damaged."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            content = file.readframes(frames)
    except (wave.Error, EOFError) as error:
        raise RuntimeError(f"{path} is no WAV file of integer samples: {error}") from error
    if width not in _SAMPLES:
        raise RuntimeError(f"{path} has samples of {width} bytes; 1, 2 and 4 are read")
    if len(content) != frames * channels * width:
        raise RuntimeError(f"{path} ends early: {len(content)} bytes of {frames} frames")
    kind, scale, silence = _SAMPLES[width]
    samples = (np.frombuffer(content, kind).astype(np.float32) - silence) / scale
    return from_numpy(np.ascontiguousarray(samples.reshape(-1, channels).T)), rate


def save(path, samples, rate):
    """Write samples (channels x time, or time) from -1 to 1 as 16-bit integers."""
    array = np.atleast_2d(samples.detach().cpu().to(float32).numpy())
    integers = np.clip(np.round(array * (1 << 15)), -(1 << 15), (1 << 15) - 1).astype(np.int16)
    if sys.byteorder == "big":
        integers = integers.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(array))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(integers.T).tobytes())

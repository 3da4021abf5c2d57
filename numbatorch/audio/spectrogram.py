"""Spectrograms: the power of each frequency over time, on a linear or on the mel scale.

A frame is transformed by a product with the matrix of sines and cosines: for windows of a few
hundred samples that is quick, and it is differentiable like any product.
"""

import numpy as np

from .. import nn, ops
from ..creation import as_tensor
from ..dtypes import float32


class Spectrogram(nn.Module):
    """Samples (..., time) to power (..., n_fft // 2 + 1, frames).

    Frames of `n_fft` samples, weighted by a Hann window, one every `hop_length`; frame t is centred
    at t * hop_length, with the signal reflected at both ends.
    """

    def __init__(self, n_fft=256, hop_length=None):
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length or n_fft // 2
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        angles = 2 * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) / n_fft
        self.register_buffer("cosines", as_tensor(window[:, None] * np.cos(angles), dtype=float32))
        self.register_buffer("sines", as_tensor(window[:, None] * np.sin(angles), dtype=float32))

    def frames(self, samples):
        """The windows of the signal, (..., frames, n_fft)."""
        edge = self.n_fft // 2
        if samples.shape[-1] <= edge:
            raise ValueError(
                f"{type(self).__name__}: needs more than {edge} samples to reflect at the ends, got "
                f"{samples.shape[-1]}"
            )
        head = samples[..., 1 : edge + 1].flip(-1)
        tail = samples[..., -edge - 1 : -1].flip(-1)
        return ops.cat([head, samples, tail], -1).unfold(-1, self.n_fft, self.hop_length)

    def forward(self, samples):
        frames = self.frames(samples)
        power = (frames @ self.cosines).square() + (frames @ self.sines).square()
        return power.transpose(-1, -2)


class MelSpectrogram(Spectrogram):
    """Samples (..., time) to power in `n_mels` bands (..., n_mels, frames), equally wide in mel."""

    def __init__(self, sample_rate, n_fft=256, hop_length=None, n_mels=40, f_min=0.0, f_max=None):
        super().__init__(n_fft, hop_length)
        filters = mel_filters(n_fft // 2 + 1, n_mels, sample_rate, f_min, f_max)
        self.register_buffer("filters", as_tensor(filters, dtype=float32))

    def forward(self, samples):
        return self.filters @ super().forward(samples)


def mel_filters(bins, n_mels, sample_rate, f_min=0.0, f_max=None):
    """Triangles over the frequencies of a spectrogram, as an array n_mels x bins.

    Their corners are equally far apart in mel = 2595 log10(1 + f / 700).
    """
    f_max = sample_rate / 2 if f_max is None else f_max
    low, high = (2595 * np.log10(1 + f / 700) for f in (f_min, f_max))
    corners = 700 * (10 ** (np.linspace(low, high, n_mels + 2) / 2595) - 1)
    frequencies = np.linspace(0, sample_rate / 2, bins)
    rising = (frequencies - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - frequencies) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))

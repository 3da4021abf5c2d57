"""Window functions, and the transforms of windows of a signal: `stft` and `istft`."""

import math
import warnings

from .. import devices, dtypes
from ..op import scalar_name
from . import fourier
from .complex import view_as_real
from .registry import FUNCTIONS, Sample, function, samples

# Windows ------------------------------------------------------------------------------------------


def _window(shape_of, length, periodic, dtype, device, requires_grad):
    """shape_of(0, 1, ..., count - 1; count); a periodic window is a symmetric one without its end."""
    dtype = dtype or dtypes.get_default_dtype()
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"window functions expect floating point dtypes, got: {scalar_name(dtype)}"
        )
    if length < 0:
        raise RuntimeError(f"window_length must be non-negative, got {length}")
    if length <= 1:
        result = FUNCTIONS["ones"]((length,), dtype=dtype, device=device)
    else:
        count = length + 1 if periodic else length
        positions = FUNCTIONS["arange"](count, dtype=dtype, device=device)
        result = shape_of(positions, count)[:length].clone()
    return result.requires_grad_() if requires_grad else result


@function(method=False)
def hamming_window(
    window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=None, device=None,
    pin_memory=False, requires_grad=False,
):  # fmt: skip
    """alpha - beta cos(2 pi k / (n - 1))"""

    def raised_cosine(k, count):
        return (k * (2 * math.pi / (count - 1))).cos() * -beta + alpha

    return _window(raised_cosine, window_length, periodic, dtype, device, requires_grad)


@function(method=False)
def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """sin(pi k / (n - 1))**2"""
    return hamming_window(
        window_length, periodic, 0.5, 0.5, dtype=dtype, device=device, requires_grad=requires_grad
    )


@function(method=False)
def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """0.42 - 0.5 cos(2 pi k / (n - 1)) + 0.08 cos(4 pi k / (n - 1))"""

    def two_cosines(k, count):
        k = k * (math.pi / (count - 1))
        return (k * 4).cos() * 0.08 - (k * 2).cos() * 0.5 + 0.42

    return _window(two_cosines, window_length, periodic, dtype, device, requires_grad)


@function(method=False)
def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """A triangle: 1 - |2 k / (n - 1) - 1|"""

    def triangle(k, count):
        rising = k * (2.0 / (count - 1))
        half = ((count - 1) >> 1) + 1
        return FUNCTIONS["where"](k < half, rising, rising * -1 + 2)

    return _window(triangle, window_length, periodic, dtype, device, requires_grad)


@function(method=False)
def kaiser_window(
    window_length, periodic=True, beta=12.0, *, dtype=None, layout=None, device=None,
    pin_memory=False, requires_grad=False,
):  # fmt: skip
    """I0(beta sqrt(1 - (2 k / (n - 1) - 1)**2)) / I0(beta)"""

    def bessel(k, count):
        across = k * (2.0 / (count - 1)) - 1
        scale = FUNCTIONS["i0"](FUNCTIONS["full"]((), beta, dtype=k.dtype, device=device))
        return FUNCTIONS["i0"](beta * (1 - across * across).clamp(min=0).sqrt()) / scale

    return _window(bessel, window_length, periodic, dtype, device, requires_grad)


# Spectra of windows -------------------------------------------------------------------------------


def _padded_window(name, window, win_length, n_fft, input):
    """The window (ones where it is None) in the middle of n_fft elements."""
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length}"
        )
    if window is None:
        window = FUNCTIONS["ones"](
            (win_length,), dtype=input.dtype.to_real(), device=devices.of(input)
        )
    elif tuple(window.shape) != (win_length,):
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got "
            f"window with size {list(window.shape)}"
        )
    left = (n_fft - win_length) // 2
    return FUNCTIONS["pad"](window, (left, n_fft - win_length - left))


@function
def stft(
    input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect",
    normalized=False, onesided=None, return_complex=None, align_to_window=None,
):  # fmt: skip
    """The transforms (..., frequencies, frames) of windows of n_fft elements, hop_length apart."""
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise RuntimeError("stft: expected a tensor of floating point or complex values")
    if len(input.shape) not in (1, 2):
        raise RuntimeError("stft: expected a 1D or 2D tensor")
    if hop_length <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop_length}")
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied,which is known to cause "
            "spectral leakage. Other windows such as torch.hann_window or torch.hamming_window are "
            "recommended to reduce spectral leakage.To suppress this warning and use a rectangular "
            "window, explicitly set `window=torch.ones(n_fft, device=<device>)`.",
            stacklevel=3,
        )
    signal = input if len(input.shape) == 2 else input.unsqueeze(0)
    if center:
        if align_to_window is not None:
            raise RuntimeError("stft align_to_window should only be set when center = false.")
        signal = FUNCTIONS["pad"](signal.unsqueeze(0), (n_fft // 2, n_fft // 2), pad_mode)
        signal = signal.squeeze(0)
    length = signal.shape[-1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {length}, but got n_fft={n_fft}")
    weights = _padded_window("stft", window, win_length, n_fft, input)
    frames = signal.unfold(-1, n_fft, hop_length) * weights
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    transform = fourier.rfft if onesided else fourier.fft
    result = transform(frames, norm="ortho" if normalized else None).transpose(-2, -1)
    result = result if len(input.shape) == 2 else result.squeeze(0)
    return result if return_complex else view_as_real(result.contiguous())


@function
def istft(
    input, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False,
    onesided=None, length=None, return_complex=False,
):  # fmt: skip
    """The signal whose `stft` is the input: windows added where they overlap, over their weights."""
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if not 0 < hop_length <= win_length:
        raise RuntimeError(
            f"istft: Expected hop_length in range (0, win_length], but got {hop_length}"
        )
    spectrum = input if len(input.shape) == 3 else input.unsqueeze(0)
    onesided = spectrum.shape[1] != n_fft if onesided is None else onesided
    expected = n_fft // 2 + 1 if onesided else n_fft
    if spectrum.shape[1] != expected:
        raise RuntimeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to match "
            f"n_fft / 2 + 1 when onesided=True, but got {spectrum.shape[1]}"
        )
    weights = _padded_window("istft", window, win_length, n_fft, input)
    norm = "ortho" if normalized else None
    frames = spectrum.transpose(1, 2)
    if return_complex:
        if onesided:
            raise RuntimeError("cannot have onesided output if window or input is complex")
        frames = fourier.ifft(frames, norm=norm)
    else:
        frames = fourier.irfft(frames[..., : n_fft // 2 + 1], n_fft, norm=norm)
    signal = _overlap_added(frames * weights, hop_length)
    envelope = _overlap_added((weights * weights).expand(1, frames.shape[1], n_fft), hop_length)
    start = n_fft // 2 if center else 0
    end = signal.shape[-1] - (n_fft // 2 if center else 0)
    if length is not None:
        end = start + length
    signal, envelope = signal[:, start:end], envelope[:, start:end]
    if envelope.shape[-1] == 0 or float(envelope.detach().abs().min()) < 1e-11:
        raise RuntimeError("window overlap add min: 1")
    signal = signal / envelope
    missing = end - start - signal.shape[-1]
    if missing > 0:
        signal = FUNCTIONS["pad"](signal, (0, missing))
    return signal if len(input.shape) == 3 else signal.squeeze(0)


def _overlap_added(frames, hop_length):
    """The sum of frames (batch, count, size) that begin hop_length apart."""
    batch, count, size = frames.shape
    total = (count - 1) * hop_length + size
    place = devices.of(frames)
    starts = FUNCTIONS["arange"](count, device=place).unsqueeze(-1) * hop_length
    positions = (starts + FUNCTIONS["arange"](size, device=place)).reshape(-1)
    zeros = FUNCTIONS["zeros"]((batch, total), dtype=frames.dtype, device=place)
    return FUNCTIONS["index_add"](zeros, 1, positions, frames.reshape(batch, -1))


@samples("stft")
def _(make):
    yield Sample(make(2, 20), 8, window=make(8), return_complex=True)
    yield Sample(
        make(20), 8, 3, 6, make(6, low=0.5, high=1.0), False, normalized=True, return_complex=True
    )

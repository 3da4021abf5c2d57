"""Fourier transforms against NumPy, windows against SciPy, spectra of windows there and back."""

import warnings

import numpy as np
import pytest
from scipy import signal

import numbatorch as torch

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 12, 16, 30, 61, 64, 67, 97, 134, 243, 1000, 1009])
def test_all_lengths(n):
    x = RANDOM.normal(size=(2, n)) + 1j * RANDOM.normal(size=(2, n))
    for dtype, tolerance in ((np.complex128, 1e-12), (np.complex64, 1e-4)):
        found = torch.fft.fft(torch.tensor(x.astype(dtype)))
        np.testing.assert_allclose(found.numpy(), np.fft.fft(x), atol=tolerance * n**0.5)
        back = torch.fft.ifft(found)
        np.testing.assert_allclose(back.numpy(), x, atol=tolerance)
    np.testing.assert_allclose(
        torch.fft.rfft(torch.tensor(x.real)).numpy(), np.fft.rfft(x.real), atol=1e-10
    )


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_dimension(name, norm):
    x = RANDOM.normal(size=(3, 6, 2))
    if name not in ("rfft", "ihfft"):
        x = x + 1j * RANDOM.normal(size=x.shape)
    for n in (None, 4, 7, 9):
        found = getattr(torch.fft, name)(torch.tensor(x), n, 1, norm)
        expected = getattr(np.fft, name)(x, n, 1, norm)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "irfft2", "irfftn"]
)
def test_several_dimensions(name):
    x = RANDOM.normal(size=(3, 4, 5))
    if not name.startswith("rfft"):
        x = x + 1j * RANDOM.normal(size=x.shape)
    for arguments in ({}, {"s": (3, 6), "dim": (0, 2)}, {"norm": "ortho"}):
        found = getattr(torch.fft, name)(torch.tensor(x), **arguments)
        renamed = {"axes" if key == "dim" else key: value for key, value in arguments.items()}
        np.testing.assert_allclose(found.numpy(), getattr(np.fft, name)(x, **renamed), atol=1e-12)


def test_frequencies_and_shifts():
    for n in (1, 4, 5):
        np.testing.assert_allclose(torch.fft.fftfreq(n, 0.5).numpy(), np.fft.fftfreq(n, 0.5))
        np.testing.assert_allclose(torch.fft.rfftfreq(n, 0.5).numpy(), np.fft.rfftfreq(n, 0.5))
        x = RANDOM.normal(size=(n, 3))
        for name in ("fftshift", "ifftshift"):
            found = getattr(torch.fft, name)(torch.tensor(x))
            np.testing.assert_array_equal(found.numpy(), getattr(np.fft, name)(x))


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.fft.fft(torch.ones(3), n=0),
        lambda: torch.fft.fft(torch.ones(3), norm="unknown"),
        lambda: torch.fft.rfft(torch.ones(3, dtype=torch.complex64)),
        lambda: torch.fft.fft(torch.ones(3, dtype=torch.float16)),
        lambda: torch.fft.fftn(torch.ones(3, 3), dim=(0, 0)),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(RuntimeError):
        call()


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett"])
def test_windows(name, periodic):
    for length in (0, 1, 2, 7, 16):
        found = getattr(torch, f"{name}_window")(length, periodic, dtype=torch.float64)
        expected = signal.get_window(name, length, periodic) if length else np.zeros(0)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_kaiser_window():
    found = torch.kaiser_window(9, False, 5.0, dtype=torch.float64)
    np.testing.assert_allclose(found.numpy(), np.kaiser(9, 5.0), atol=1e-12)


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_there_and_back(normalized, onesided):
    x = torch.tensor(RANDOM.normal(size=(2, 64)))
    options = {
        "n_fft": 16, "hop_length": 4, "win_length": 12, "normalized": normalized,
        "onesided": onesided, "window": torch.hann_window(12, dtype=torch.float64),
    }  # fmt: skip
    spectrum = torch.stft(x, return_complex=True, **options)
    assert tuple(spectrum.shape) == (2, 9 if onesided else 16, 17)
    np.testing.assert_allclose(torch.istft(spectrum, **options).numpy(), x.numpy(), atol=1e-12)


def test_spectra_beside_torch():
    other = pytest.importorskip("torch")
    values = RANDOM.normal(size=(2, 50))
    for options in (
        {"n_fft": 8}, {"n_fft": 9, "hop_length": 3, "center": False}, {"n_fft": 8, "pad_mode": "constant"}
    ):  # fmt: skip
        ones = np.ones(options["n_fft"])
        expected = other.stft(
            other.tensor(values), return_complex=True, window=other.tensor(ones), **options
        )
        options["window"] = torch.tensor(ones)
        found = torch.stft(torch.tensor(values), return_complex=True, **options)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)
        parts = torch.view_as_real(found)
        shown = torch.stft(torch.tensor(values), return_complex=False, **options)
        np.testing.assert_array_equal(shown.numpy(), parts.numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = other.istft(other.stft(other.tensor(values), 8, return_complex=True,
                                  window=other.hann_window(8, dtype=other.float64)), 8,
                       window=other.hann_window(8, dtype=other.float64), length=60)  # fmt: skip
    window = torch.hann_window(8, dtype=torch.float64)
    found = torch.istft(torch.stft(torch.tensor(values), 8, window=window, return_complex=True), 8,
                        window=window, length=60)  # fmt: skip
    np.testing.assert_allclose(found.numpy(), back.numpy(), atol=1e-10)

"""WAV files there and back; spectrograms against NumPy's Fourier transform."""

import wave

import numpy as np
import pytest

import numbatorch as nt
from numbatorch import audio


def test_there_and_back(tmp_path):
    samples = nt.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 100)).astype(np.float32))
    audio.save(tmp_path / "sound.wav", samples, 8000)
    found, rate = audio.load(tmp_path / "sound.wav")
    assert rate == 8000
    np.testing.assert_allclose(found.numpy(), samples.numpy(), atol=1 / (1 << 15))
    audio.save(tmp_path / "mono.wav", samples[0] * 9, 8000)
    assert audio.load(tmp_path / "mono.wav")[0].abs().max().item() <= 1


def test_bytes_are_unsigned(tmp_path):
    with wave.open(str(tmp_path / "old.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes([0, 128, 255]))
    assert audio.load(tmp_path / "old.wav")[0].tolist() == [[-1.0, 0.0, 127 / 128]]


def test_damaged_files(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(b"RIFF but no sound")
    with pytest.raises(RuntimeError, match="no WAV file"):
        audio.load(path)
    audio.save(path, nt.zeros(100), 8000)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(RuntimeError, match="ends early|no WAV file"):
        audio.load(path)


def test_spectrogram():
    samples = np.random.default_rng(1).standard_normal(1000)
    found = audio.Spectrogram(64, 16)(nt.from_numpy(samples.astype(np.float32))).numpy()
    padded = np.pad(samples, 32, mode="reflect")
    window = np.hanning(65)[:-1]
    frames = np.stack([padded[i : i + 64] * window for i in range(0, 1001, 16)])
    expected = np.abs(np.fft.rfft(frames)) ** 2
    assert found.shape == (33, len(frames))
    np.testing.assert_allclose(found, expected.T, rtol=1e-3, atol=1e-3)


def test_mel_spectrogram_of_a_tone():
    time = np.arange(4000) / 8000
    tone = nt.from_numpy(np.sin(2 * np.pi * 1000 * time).astype(np.float32))
    mel = audio.MelSpectrogram(8000, n_fft=256, n_mels=20)
    bands = mel(tone.expand(2, -1))
    assert bands.shape == (2, 20, 32)
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 22) / 2595) - 1)
    assert corners[bands[0].mean(-1).argmax().item() + 1] == pytest.approx(1000, abs=120)
    assert not list(mel.parameters())
    with pytest.raises(ValueError, match="needs more than 128 samples"):
        mel(tone[:100])


def test_filters_cover_the_middle_evenly():
    filters = audio.mel_filters(129, 20, 8000)
    frequencies = np.linspace(0, 4000, 129)
    inside = (frequencies > 200) & (frequencies < 3500)
    np.testing.assert_allclose(filters.sum(0)[inside], 1, atol=1e-6)

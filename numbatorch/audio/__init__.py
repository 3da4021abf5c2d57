"""Sound: WAV files, and spectrograms as a module."""

from .spectrogram import MelSpectrogram, Spectrogram, mel_filters
from .wav import load, save

__all__ = ["MelSpectrogram", "Spectrogram", "load", "mel_filters", "save"]

"""Discrete Fourier transforms (`torch.fft`)."""

from .ops.registry import namespace

globals().update(namespace("fft"))

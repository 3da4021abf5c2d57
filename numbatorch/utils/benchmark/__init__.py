"""Timing statements (`torch.utils.benchmark`)."""

from .timer import Measurement, Timer

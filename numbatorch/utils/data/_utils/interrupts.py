"""Ctrl-C reaches every process of a terminal at once, also a worker that has only just begun.

A worker starts with the signal held back, and takes it where it is ready to end quietly.
"""

import signal
from contextlib import contextmanager

_CAN_HOLD = hasattr(signal, "pthread_sigmask")  # not on Windows


@contextmanager
def held_back():
    """Processes started inside begin with interrupts waiting; one that comes meanwhile waits too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if _CAN_HOLD else None
    try:
        yield
    finally:
        if _CAN_HOLD:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_through():
    """Raise KeyboardInterrupt for an interrupt that has waited, and from now on for any."""
    if _CAN_HOLD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

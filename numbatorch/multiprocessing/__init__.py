"""Processes that share tensors (`torch.multiprocessing`): Python's `multiprocessing`, and sharing.

A tensor that is sent to another process moves into shared memory and is the same memory there.
"""

import multiprocessing as _python
from multiprocessing import *  # noqa: F403  every name of Python's module is one of this one
from multiprocessing import get_context, get_start_method, reduction, set_start_method

from . import reductions
from .spawning import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

reductions.register()

_STRATEGY = "file_descriptor"


def get_all_sharing_strategies():
    """{"file_descriptor"}"""
    return {_STRATEGY}


def get_sharing_strategy():
    """ "file_descriptor": shared memory is handed over as an open file."""
    return _STRATEGY


def set_sharing_strategy(new_strategy):
    """Accepted: "file_system" shares memory in the same way here."""
    if new_strategy not in (_STRATEGY, "file_system"):
        raise AssertionError(f"unknown sharing strategy {new_strategy}")

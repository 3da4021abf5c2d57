"""Checks of values before Python goes on; a replay of a captured step makes them again."""

from .. import devices, dtypes, graph, recording
from .casting import cast, to_device
from .reduction import amax


def any_set(codes):
    """Whether an element of a bool tensor, or of one of numbers from 0, is not 0."""
    if graph.numel(codes) == 0:
        return False
    word = amax(cast(codes.detach(), dtypes.int64))
    if recording.recorder is not None:
        return recording.flag_at(word.address) != 0
    return bool(to_device(word, devices.CPU).as_numpy())

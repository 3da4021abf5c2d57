"""On which device and on which of its streams a thread works, and what a capture of it keeps.

A stream is its number, 0 the default stream of the device. Kernels, copies and the allocator ask here.
"""

import threading


class _Here(threading.local):
    """What belongs to a thread."""

    def __init__(self):
        self.device = 0
        self.streams = {}


_here = _Here()

#: (index, stream) -> the Capture that is going on there.
_captures = {}

#: Streams, beside the default ones, on which there was ever any work: {index: {stream}}.
used = {}


def current_device():
    """The index of the device that `device="cuda"` means in this thread."""
    return _here.device


def select_device(index):
    _here.device = index


def current(index):
    """The stream of a device that this thread's work goes to."""
    return _here.streams.get(index, 0)


def select(index, stream, counted=True):
    """Let this thread's work on a device go to `stream`; `used` learns of it where it is `counted`."""
    _here.streams[index] = stream
    if stream and counted:
        used.setdefault(index, set()).add(stream)


class Capture:
    """What goes on while a graph is captured: the pool for its memory, what must live as long.

    `checks` are functions that raise where a replay met bad data; `generators` those whose numbers
    it draws.
    """

    def __init__(self, index, pool):
        self.index, self.pool = index, pool
        self.kept, self.checks, self.generators = [], [], {}


def begin_capture(index, stream, capture):
    """Say that work on a stream is being noted; also of a stream that waits for such a one."""
    _captures[index, stream] = capture


def end_capture(capture):
    """Say that a capture is over, on all streams that took part."""
    for key in [key for key, found in _captures.items() if found is capture]:
        del _captures[key]


def capture_of(index, stream):
    """The Capture that work on a stream belongs to, or None."""
    return _captures.get((index, stream)) if _captures else None


def capture_on(index):
    """The Capture that this thread's work on a device belongs to, or None."""
    return _captures.get((index, current(index))) if _captures else None


def is_capturing():
    """Whether work of this thread on its current device is being noted."""
    return bool(_captures) and capture_on(_here.device) is not None


def any_capture():
    """Whether a capture is going on anywhere."""
    return bool(_captures)


#: (index, function): checks of the data that replayed graphs have met, run when the host waits.
_checks = []


def add_checks(index, checks):
    """Run these functions when the host next waits for a device: they raise where data was bad."""
    _checks.extend((index, check) for check in checks if (index, check) not in _checks)


def run_checks(index):
    """Run the checks of a device, its work being done."""
    due = [check for device, check in _checks if device == index]
    _checks[:] = [item for item in _checks if item[0] != index]
    for check in due:
        check()

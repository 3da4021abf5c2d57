"""Streams and events. All work of this process is queued on the default stream of a device."""

import time

from .. import cuda_memory


class Stream:
    """A queue of work on a device (`torch.cuda.Stream`); all of them are the default stream."""

    def __init__(self, device=None, priority=0):
        self.device_index = cuda_memory.resolve_index(device if isinstance(device, int) else None)
        self.priority = priority

    def synchronize(self):
        """Wait until all queued work is done."""
        synchronize()

    def query(self):
        """Whether all queued work is done."""
        synchronize()
        return True

    def wait_event(self, event):
        """Let later work wait for an event; on one stream it does."""

    def wait_stream(self, stream):
        """Let later work wait for another stream; on one stream it does."""

    def record_event(self, event=None):
        """An event after all work that is queued now."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __eq__(self, other):
        return isinstance(other, Stream) and self.device_index == other.device_index

    def __hash__(self):
        return hash(("stream", self.device_index))


def current_stream(device=None):
    """The stream that work is queued on."""
    return Stream(device)


default_stream = current_stream


class StreamContext:
    """Context manager: queue work on a stream; there is one."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return False


def stream(stream):
    """Context manager: queue work on `stream`."""
    return StreamContext(stream)


def set_stream(stream):
    """Queue work on `stream`; there is one."""


class Event:
    """A mark in a stream (`torch.cuda.Event`)."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False):
        self.enable_timing = enable_timing
        self._event = None
        self._clock = 0.0

    def record(self, stream=None):
        """Put the mark after all work that is queued now."""
        target = cuda_memory.target()
        self._event = target.new_event()
        self._clock = time.perf_counter()

    def query(self):
        """Whether all work before the mark is done."""
        self.synchronize()
        return True

    def wait(self, stream=None):
        """Let later work of a stream wait for the mark; on one stream it does."""

    def synchronize(self):
        """Wait until all work before the mark is done."""
        if self._event is not None:
            self._event.synchronize()

    def elapsed_time(self, end_event):
        """Milliseconds between two marks; by the host's clock in the simulator."""
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._event is None or end_event._event is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if cuda_memory.target().SIMULATED:
            return (end_event._clock - self._clock) * 1000.0
        end_event.synchronize()
        return self._event.elapsed_time(end_event._event)


def synchronize(device=None):
    """Wait until all work on a device is done."""
    cuda_memory.target().synchronize()

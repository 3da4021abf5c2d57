"""Streams, queues of work on a device, and events, marks in them (`torch.cuda.Stream`, `Event`).

Work goes to the current stream of a thread, the default stream at first. Streams run beside each other,
also beside the default one, unless one is told to wait.
"""

from .. import cuda_memory, cuda_streams, devices
from ._devices import index_of

#: Streams that are handed out in turn, for each device and priority; they live as long as the process.
_POOL_SIZE = 32
_pools = {}


def _driver():
    return cuda_memory.target().driver()


class Stream:
    """A queue of work on a device; a lower `priority` goes first."""

    def __init__(self, device=None, priority=0, *, stream_id=None, device_index=None, **kwargs):
        index = index_of(device) if device_index is None else device_index
        self.device_index, self.priority = index, priority
        self.cuda_stream = _from_pool(index, priority) if stream_id is None else stream_id

    @property
    def device(self):
        """The device that the work is done on."""
        return devices.device("cuda", self.device_index)

    @property
    def stream_id(self):
        return self.cuda_stream

    def synchronize(self):
        """Wait until all queued work is done."""
        _driver().wait_for_stream(self.device_index, self.cuda_stream)

    def query(self):
        """Whether all queued work is done."""
        return _driver().stream_is_done(self.device_index, self.cuda_stream)

    def wait_event(self, event):
        """Let later work wait for an event."""
        event.wait(self)

    def wait_stream(self, stream):
        """Let later work wait for what is queued on another stream now."""
        self.wait_event(stream.record_event())

    def record_event(self, event=None):
        """An event after all work that is queued now."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __enter__(self):
        self._context = StreamContext(self)
        return self._context.__enter__()

    def __exit__(self, *exception):
        return self._context.__exit__(*exception)

    def __eq__(self, other):
        return isinstance(other, Stream) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def _key(self):
        return self.device_index, self.cuda_stream

    def __repr__(self):
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream that another library made, by its address; that library keeps it."""

    def __init__(self, stream_ptr, device=None, **kwargs):
        super().__init__(device, stream_id=stream_ptr)


def get_stream_from_external(data_ptr, device=None):
    """The Stream of another library, by its address."""
    return ExternalStream(data_ptr, device)


def _from_pool(index, priority):
    least, greatest = _driver().stream_priorities(index)
    priority = min(max(priority, greatest), min(least, 0))
    made, turn = _pools.setdefault((index, priority), ([], [0]))
    if len(made) < _POOL_SIZE:
        made.append(_driver().new_stream(index, priority))
        return made[-1]
    turn[0] += 1
    return made[turn[0] % _POOL_SIZE]


def current_stream(device=None):
    """The stream of a device that this thread's work goes to."""
    index = index_of(device)
    return Stream(stream_id=cuda_streams.current(index), device_index=index)


def default_stream(device=None):
    """The stream of a device that work goes to where no other is chosen."""
    return Stream(stream_id=0, device_index=index_of(device))


def set_stream(stream):
    """Let this thread's work go to `stream`, and make its device the current one."""
    if stream is not None:
        cuda_streams.select_device(stream.device_index)
        cuda_streams.select(stream.device_index, stream.cuda_stream)


class StreamContext:
    """Context manager: this thread's work goes to a stream inside; None changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is not None:
            index = self.stream.device_index
            self._before = cuda_streams.current_device(), cuda_streams.current(index)
            set_stream(self.stream)

    def __exit__(self, *exception):
        if self.stream is not None:
            device, stream = self._before
            cuda_streams.select(self.stream.device_index, stream)
            cuda_streams.select_device(device)
        return False


def stream(stream):
    """Context manager: this thread's work goes to `stream` inside."""
    return StreamContext(stream)


class Event:
    """A mark in a stream; it is made when it is first recorded."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        self.enable_timing = enable_timing
        self.blocking, self.interprocess = blocking, interprocess
        self._index = self._event = self._capture = None

    def __del__(self):
        if self._event is not None:
            _driver().destroy_event(self._index, self._event)

    @property
    def cuda_event(self):
        """The number of the event, 0 before it is recorded."""
        return self._event or 0

    @property
    def device(self):
        """The device of the stream that it was recorded in."""
        return None if self._index is None else devices.device("cuda", self._index)

    def record(self, stream=None):
        """Put the mark after all work that is queued on a stream, the current one by default, now."""
        stream = current_stream() if stream is None else stream
        if self._event is None:
            self._index = stream.device_index
            self._event = _driver().new_event(self._index, self.enable_timing)
        elif self._index != stream.device_index:
            raise RuntimeError(
                f"Event device {self._index} does not match recording stream's device "
                f"{stream.device_index}."
            )
        self._capture = cuda_streams.capture_of(self._index, stream.cuda_stream)
        _driver().record(self._index, self._event, stream.cuda_stream)

    def query(self):
        """Whether all work before the mark is done."""
        return self._event is None or _driver().event_is_done(self._index, self._event)

    def wait(self, stream=None):
        """Let later work of a stream wait for the mark; a stream that waits for a capture joins it."""
        if self._event is None:
            return
        stream = current_stream() if stream is None else stream
        _driver().let_wait(stream.device_index, stream.cuda_stream, self._event)
        if self._capture is not None:
            cuda_streams.begin_capture(stream.device_index, stream.cuda_stream, self._capture)

    def synchronize(self):
        """Let the host wait until all work before the mark is done."""
        if self._event is not None:
            _driver().wait_for_event(self._index, self._event)

    def elapsed_time(self, end_event):
        """Milliseconds between two marks; by the host's clock in the simulator."""
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._event is None or end_event._event is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("Both events must be completed before calculating elapsed time.")
        return _driver().elapsed_time(self._event, end_event._event)

    def __repr__(self):
        what = "uninitialized" if self._event is None else hex(self._event)
        return f"<torch.cuda.Event {what}>"


def synchronize(device=None):
    """Wait until all work on a device is done, and say what was wrong with its data."""
    index = index_of(device)
    _driver().synchronize(index)
    cuda_streams.run_checks(index)


def is_current_stream_capturing():
    """Whether work of this thread is being noted for a graph."""
    return cuda_streams.is_capturing()

"""The driver of simulated devices: streams are queues of Python functions, memory is NumPy's.

Work runs as soon as it is queued. With `lazy` set it runs when somebody waits for it, and then no
earlier than it must: a program that forgets to let one stream wait for another gets wrong numbers,
every time, as it sometimes would from a card.
"""

import contextlib
import ctypes
import itertools
import time
from collections import deque

import numpy as np

from .cuda_driver import CAPTURE_MODES, AcceleratorError

_CAPTURING = "CUDA error: operation not permitted when stream is capturing"


class _Queue:
    """A stream: `queued` counts what was ever put in, `done` what has run."""

    def __init__(self):
        self.waiting = deque()
        self.queued = self.done = 0
        self.capture = None

    def run(self, position):
        """Do the work up to a position."""
        while self.done < position:
            self.done += 1
            self.waiting.popleft()()


class _Mark:
    """An event: a position of a queue; one of a capture has the place in its list of work."""

    def __init__(self, timed):
        self.timed = timed
        self.queue = self.capture = self.when = None
        self.position = 0

    def reach(self):
        if self.queue is not None:
            self.queue.run(self.position)

    def stamp(self):
        self.when = time.perf_counter()


class _Capture:
    """Work that was noted, in the order of its issue, which respects all dependencies.

    `loose` holds the queues that joined and whose last work the origin has not waited for.
    """

    def __init__(self, origin):
        self.origin, self.work, self.loose = origin, [], {}

    def add(self, queue, work):
        self.work.append(work)
        if queue is not self.origin:
            self.loose[queue] = len(self.work)

    def joined(self, mark):
        if self.loose.get(mark.queue, 0) <= mark.position:
            self.loose.pop(mark.queue, None)


class SimulatedDriver:
    """Stands in for CardDriver: the same methods, with `devices` devices of `memory` bytes each."""

    def __init__(self, devices=1, memory=1 << 62, lazy=False):
        self.lazy = lazy
        self._devices, self._total = devices, memory
        self._used = [0] * devices
        self._numbers = itertools.count(1)
        self._queues = {(index, 0): _Queue() for index in range(devices)}
        self._events, self._graphs = {}, {}
        self._memory = {}  # address -> its bytes
        self._host = {}

    def _queue(self, index, stream):
        queue = self._queues.get((index, stream))
        if queue is None:
            raise AcceleratorError(f"CUDA error: there is no stream {stream} on the device {index}")
        return queue

    def enqueue(self, index, stream, work):
        """Put a function in a queue: a kernel, a copy."""
        queue = self._queue(index, stream)
        if queue.capture is not None:
            queue.capture.add(queue, work)
            return
        queue.waiting.append(work)
        queue.queued += 1
        if not self.lazy:
            queue.run(queue.queued)

    @contextlib.contextmanager
    def on(self, index):
        """Nothing depends on a context here."""
        yield index

    # Devices ------------------------------------------------------------------------------------

    def device_count(self):
        return self._devices

    def can_access_peer(self, index, other):
        return index != other

    def synchronize(self, index):
        queues = [queue for (device, _), queue in self._queues.items() if device == index]
        if any(queue.capture is not None for queue in queues):
            raise AcceleratorError(_CAPTURING)
        for queue in queues:
            queue.run(queue.queued)

    # Memory -------------------------------------------------------------------------------------

    def memory_info(self, index):
        return self._total - self._used[index], self._total

    def allocate(self, nbytes, index):
        if self._used[index] + nbytes > self._total:
            raise MemoryError("cuMemAlloc")
        self._used[index] += nbytes
        memory = np.empty(max(nbytes, 1), np.uint8)[:nbytes]
        self._memory[memory.ctypes.data] = memory
        return memory.ctypes.data

    def free(self, address, index):
        """Give memory back once all work on the device is done, as the driver does."""
        for (device, _), queue in self._queues.items():
            if device == index:
                queue.run(queue.queued)
        self._used[index] -= self._memory.pop(address).size

    def bytes_at(self, address, nbytes):
        """Memory of a device, ours or that of others, as a NumPy array."""
        known = self._memory.get(address)
        if known is not None and nbytes <= known.size:
            return known[:nbytes]
        return _bytes_at(address, nbytes)

    def allocate_host(self, nbytes, index):
        memory = np.empty(max(nbytes, 1), np.uint8)
        self._host[memory.ctypes.data] = memory
        return memory.ctypes.data

    def free_host(self, address):
        del self._host[address]

    def _is_pinned(self, address):
        return any(start <= address < start + held.size for start, held in self._host.items())

    def upload(self, index, address, host_address, nbytes, stream):
        target, source = _bytes_at(address, nbytes), _bytes_at(host_address, nbytes)
        if not self._is_pinned(host_address):
            source = source.copy()  # as the driver stages pageable memory
        self.enqueue(index, stream, lambda: np.copyto(target, source))

    def download(self, index, host_address, address, nbytes, stream):
        target, source = _bytes_at(host_address, nbytes), _bytes_at(address, nbytes)
        if self._queue(index, stream).capture is not None and not self._is_pinned(host_address):
            raise AcceleratorError(_CAPTURING)
        self.enqueue(index, stream, lambda: np.copyto(target, source))

    def copy_to_peer(self, target_index, target, index, source, nbytes, stream):
        target, source = _bytes_at(target, nbytes), _bytes_at(source, nbytes)
        self.enqueue(index, stream, lambda: np.copyto(target, source))

    # Streams ------------------------------------------------------------------------------------

    def stream_priorities(self, index):
        return 0, -5

    def new_stream(self, index, priority):
        stream = next(self._numbers)
        self._queues[index, stream] = _Queue()
        return stream

    def wait_for_stream(self, index, stream):
        queue = self._queue(index, stream)
        if queue.capture is not None:
            raise AcceleratorError(_CAPTURING)
        queue.run(queue.queued)

    def stream_is_done(self, index, stream):
        queue = self._queue(index, stream)
        if queue.capture is not None:
            raise AcceleratorError(_CAPTURING)
        return queue.done == queue.queued

    # Events -------------------------------------------------------------------------------------

    def new_event(self, index, timed):
        event = next(self._numbers)
        self._events[event] = _Mark(timed)
        return event

    def destroy_event(self, index, event):
        del self._events[event]

    def record(self, index, event, stream):
        mark, queue = self._events[event], self._queue(index, stream)
        mark.queue, mark.capture, mark.when = queue, queue.capture, None
        if queue.capture is not None:
            mark.position = len(queue.capture.work)
            return
        self.enqueue(index, stream, mark.stamp)
        mark.position = queue.queued

    def event_is_done(self, index, event):
        mark = self._events[event]
        if mark.capture is not None:
            raise AcceleratorError(_CAPTURING)
        return mark.queue is None or mark.queue.done >= mark.position

    def wait_for_event(self, index, event):
        mark = self._events[event]
        if mark.capture is not None:
            raise AcceleratorError(_CAPTURING)
        mark.reach()

    def let_wait(self, index, stream, event):
        mark, queue = self._events[event], self._queue(index, stream)
        if mark.capture is not None:
            queue.capture = mark.capture  # a stream that waits for a capture takes part in it
            mark.capture.joined(mark)
            return
        if queue.capture is not None:
            raise AcceleratorError(
                "CUDA error: dependency created on uncaptured work in another stream"
            )
        source, position = mark.queue, mark.position
        if source is not None and source is not queue:
            self.enqueue(index, stream, lambda: source.run(position))

    def elapsed_time(self, start, end):
        start, end = self._events[start], self._events[end]
        if start.when is None or end.when is None:
            raise AcceleratorError("CUDA error: device not ready")
        return (end.when - start.when) * 1000.0

    # Graphs -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def relaxed(self):
        """No call spoils a capture here."""
        yield

    def begin_capture(self, index, stream, mode):
        if mode not in CAPTURE_MODES or stream == 0:
            raise AcceleratorError(_CAPTURING)
        queue = self._queue(index, stream)
        queue.capture = _Capture(queue)

    def end_capture(self, index, stream):
        capture = self._queue(index, stream).capture
        if capture is None:
            raise AcceleratorError("CUDA error: invalid argument")
        for queue in self._queues.values():
            if queue.capture is capture:
                queue.capture = None
        if capture.loose:
            raise AcceleratorError(
                "CUDA error: capturing stream has unjoined work: let it wait for all streams that "
                "were used"
            )
        graph = next(self._numbers)
        self._graphs[graph] = capture.work
        return graph

    def instantiate(self, index, graph):
        executable = next(self._numbers)
        self._graphs[executable] = self._graphs[graph]
        return executable

    def replay(self, index, executable, stream):
        work = self._graphs[executable]

        def launch():
            for step in work:
                step()

        self.enqueue(index, stream, launch)

    def destroy_graph(self, graph):
        del self._graphs[graph]

    def destroy_executable(self, executable):
        del self._graphs[executable]

    def draw_graph(self, graph, path):
        steps = range(len(self._graphs[graph]))
        edges = "".join(f"  {a} -> {b};\n" for a, b in itertools.pairwise(steps))
        with open(path, "w") as file:
            file.write(f"digraph {{\n{edges}}}\n")


def _bytes_at(address, nbytes):
    """Memory as a NumPy array; it is the caller's duty that it is there."""
    if not nbytes:
        return np.empty(0, np.uint8)
    return np.frombuffer((ctypes.c_uint8 * nbytes).from_address(address), np.uint8)

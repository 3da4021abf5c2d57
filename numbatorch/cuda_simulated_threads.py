"""The threads of a simulated block, which take turns from barrier to barrier.

Numba's simulator has a polled thread of the system for each, and no warps. Here a thread is a greenlet
where that package is installed, which changes turns a hundred times faster, else a thread of the
system. Threads that wait for different things raise an error, where a card would hang.
"""

import threading
from functools import cache
from types import FunctionType

import numpy as np
from numba.cuda.simulator.kernelapi import Dim3

try:
    from greenlet import greenlet
except ImportError:
    greenlet = None

#: Threads that exchange values by shuffles; a card has 32.
WARP = 2


class _Lane:
    """A thread of a block; `waits_for` is what must happen before its next turn."""

    def __init__(self, function, arguments, rank, boxes):
        self.function, self.arguments = function, arguments
        self.rank, self.boxes = rank, boxes
        self.waits_for = None
        self.done, self.error = False, None

    def work(self):
        try:
            self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001  raised again by the launch
            self.error = error
        self.done = True

    def wait(self, reason):
        """Pass the turn on until all others wait for the same."""
        self.waits_for = reason
        self.leave()

    def take_turn(self):
        """Go on up to the next barrier, or the end."""
        _running.lane = self
        self.enter()
        if self.error is not None:
            raise self.error


class _GreenletLane(_Lane):
    def __init__(self, block_index, thread_index, *options):
        super().__init__(*options)
        self.thread_index = thread_index
        self.here = threading.current_thread()
        self.here.blockIdx = block_index
        self.greenlet = greenlet(self.work)

    def enter(self):
        self.here.threadIdx = self.thread_index
        self.greenlet.switch()

    def leave(self):
        self.greenlet.parent.switch()


class _ThreadLane(_Lane):
    def __init__(self, block_index, thread_index, *options):
        super().__init__(*options)
        self.begin, self.end = threading.Semaphore(0), threading.Semaphore(0)
        thread = threading.Thread(target=self._start, daemon=True)
        thread.blockIdx, thread.threadIdx = block_index, thread_index
        thread.start()

    def _start(self):
        self.begin.acquire()
        self.work()
        self.end.release()

    def enter(self):
        self.begin.release()
        self.end.acquire()

    def leave(self):
        self.end.release()
        self.begin.acquire()


class _Running:
    """The lane whose turn it is."""

    lane = None


_running = _Running()


# What a kernel calls ----------------------------------------------------------------------------


def syncthreads():
    """Wait for all threads of the block."""
    _running.lane.wait("the block")


def shfl_xor_sync(mask, value, lane_mask):
    """The value that the thread of the warp gave whose number differs in the bits of `lane_mask`."""
    lane = _running.lane
    lane.boxes[lane.rank] = value
    lane.wait("its warp")
    found = lane.boxes[lane.rank ^ lane_mask]
    lane.wait("its warp")
    return found


_BARRIERS = {"syncthreads", "shfl_xor_sync"}


@cache
def has_barrier(function):
    """Whether a kernel, or a function in its closure, waits for other threads of its block."""
    if _BARRIERS.intersection(function.__code__.co_names):
        return True
    contents = [cell.cell_contents for cell in function.__closure__ or ()]
    return any(has_barrier(item) for item in contents if isinstance(item, FunctionType))


# A block ----------------------------------------------------------------------------------------


def run_together(function, block_index, block, arguments):
    """Run the threads of a block from barrier to barrier."""
    kind = _ThreadLane if greenlet is None else _GreenletLane
    boxes = {}
    lanes = [
        kind(block_index, Dim3(x, y, z), function, arguments, rank, boxes)
        for rank, (z, y, x) in enumerate(np.ndindex(*block[::-1]))
    ]
    ready = lanes
    while ready:
        for lane in ready:
            lane.take_turn()
        lanes = [lane for lane in lanes if not lane.done]
        ready = _released(lanes)


def _released(lanes):
    """The lanes that may go on: those of whole warps that wait for it, else all."""
    warps = {}
    for lane in lanes:
        if lane.waits_for == "its warp":
            warps.setdefault(lane.rank // WARP, []).append(lane)
    if not warps:
        return lanes
    if any(len(waiting) < WARP for waiting in warps.values()):
        raise RuntimeError("a thread of a simulated warp waits for others that do not come")
    return [lane for waiting in warps.values() for lane in waiting]


def run_in_turn(function, block_index, block, arguments):
    """Run the threads of a block one after the other: none of them waits for another."""
    here = threading.current_thread()
    here.blockIdx = block_index
    for z, y, x in np.ndindex(*block[::-1]):
        here.threadIdx = Dim3(x, y, z)
        function(*arguments)

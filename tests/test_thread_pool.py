"""Threads share the chunks of a kernel; one that gets no core is not waited for."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numbatorch import cpu_target, thread_pool
from numbatorch.cpu_kernels.native import integer, write


def counter(element):
    """Add 1 to each item of an array."""

    def counter_kernel(begin, end, arguments):
        for i in range(begin, end):
            address = integer(arguments, 0)
            write(address, i, element(integer(address, i) + 1))

    return counter_kernel


def count(items, times=1):
    from numba import types

    found = np.zeros(items, np.int64)
    kernel = cpu_target.specialise(counter, types.int64)
    for _ in range(times):
        kernel(items, 1, found.ctypes.data)
    return found


@pytest.fixture
def two_threads():
    before = cpu_target.get_num_threads()
    cpu_target._threads = 2  # also where there is one core
    cpu_target.parallel_launcher()
    thread_pool.start(1)
    yield
    cpu_target.set_num_threads(before)


@pytest.mark.parametrize("items", [2, 3, 63, 64, 65, 127, 1000, 100_003])
def test_every_item_is_done_once(items, two_threads):
    assert (count(items, 50) == 50).all()


def test_workers_wake_after_a_rest(two_threads):
    for _ in range(5):
        time.sleep(0.05)  # they sleep by now
        assert (count(10_000, 3) == 3).all()


def test_several_threads_may_launch_at_once(two_threads):
    with ThreadPoolExecutor(4) as callers:
        for found in callers.map(lambda size: count(size, 200), [1000, 2000, 3000, 4000] * 4):
            assert (found == 200).all()


def test_a_launch_does_not_need_its_workers(two_threads, monkeypatch):
    """As on a machine where none of them gets a core: the caller takes every chunk."""
    words = thread_pool._pool
    workers = words[thread_pool._WORKERS]
    words[thread_pool._WORKERS] = 0
    try:
        time.sleep(0.05)  # those that are awake fall asleep, and nobody wakes them
        assert (count(10_000, 20) == 20).all()
    finally:
        words[thread_pool._WORKERS] = workers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_has_a_pool_of_its_own(two_threads):
    assert (count(10_000) == 1).all()
    child = os.fork()
    if child == 0:
        alright = cpu_target.get_num_threads() == 1
        cpu_target._threads = 2
        thread_pool.start(1)
        alright = alright and (count(10_000, 10) == 10).all()
        os._exit(0 if alright else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_other_python_threads_run_while_a_caller_waits(two_threads):
    done = threading.Event()
    other = threading.Thread(target=done.set)
    other.start()
    count(1_000_000, 20)
    assert done.wait(5)
    other.join()

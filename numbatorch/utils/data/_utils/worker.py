"""What runs in a worker process, and what it sends back."""

from __future__ import annotations

import os
import queue
import sys
import traceback
from dataclasses import dataclass

from ....cpu_target import get_num_threads, set_num_threads
from . import interrupts, transport
from .fetch import IterableFetcher
from .seeds import seed_worker

#: Seconds between two looks whether the other side is still alive.
STATUS_CHECK_INTERVAL = 5.0


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info()` returns in a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: object


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker this process is; None in the main process."""
    return _worker_info


class Resume:
    """Asks a persistent worker to begin a new epoch; it answers with the same."""


class IterationEnd:
    """A worker's copy of an iterable dataset is exhausted."""


class Failure:
    """An exception on its way to the main process, with its traceback as text."""

    def __init__(self, where: str):
        kind, value, trace = sys.exc_info()
        self.kind = kind
        self.text = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self):
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            message = _Verbatim(message)
        try:
            exception = self.kind(message)
        except Exception:  # its constructor wants something else
            raise RuntimeError(message) from None
        raise exception


class _Verbatim(str):
    """KeyError shows the repr of its message, which would escape the line breaks."""

    def __repr__(self) -> str:
        return str(self)


def worker_loop(
    make_fetcher, dataset, tasks, results, stopping, base_seed, init_fn, worker_id, num_workers
):
    """Answer every index from `tasks` with data in `results` until None comes or all stops."""
    global _worker_info
    try:
        interrupts.let_through()
        transport.register()
        if get_num_threads() != 1:  # a forked process cannot use its parent's thread pool
            set_num_threads(1)
        seed = seed_worker(base_seed, worker_id)
        _worker_info = WorkerInfo(worker_id, num_workers, seed, dataset)
        _serve(make_fetcher, dataset, tasks, results, stopping, init_fn, worker_id)
    except KeyboardInterrupt:
        pass  # the main process reports it
    if stopping.is_set():
        results.cancel_join_thread()
        results.close()


def _serve(make_fetcher, dataset, tasks, results, stopping, init_fn, worker_id):
    where = f"in DataLoader worker process {worker_id}"
    parent = os.getppid()
    fetcher = failure = None
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetcher = make_fetcher(dataset)
    except Exception:
        failure = Failure(where)
    ended = False
    while os.getppid() == parent:
        try:
            task = tasks.get(timeout=STATUS_CHECK_INTERVAL)
        except queue.Empty:
            continue
        if task is None:
            return
        if isinstance(task, Resume):
            fetcher, ended = make_fetcher(dataset), False
            results.put(transport.packed(task))
        elif not ended and not stopping.is_set():
            answer = failure or _fetch(fetcher, *task, where)
            ended = isinstance(answer, IterationEnd)
            results.put(_packed(answer, where))


def _packed(answer, where):
    """What cannot be sent is an error like any other, not one of the queue's own thread."""
    try:
        return transport.packed(answer)
    except Exception:
        return transport.packed(Failure(where))


def _fetch(fetcher, index, where):
    try:
        return fetcher.fetch(index)
    except Exception as error:
        if isinstance(error, StopIteration) and isinstance(fetcher, IterableFetcher):
            return IterationEnd()
        return Failure(where)

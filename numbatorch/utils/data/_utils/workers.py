"""The worker processes of one loader, seen from the main process."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import time
import weakref

from . import interrupts, transport
from .worker import STATUS_CHECK_INTERVAL, Failure, IterationEnd, Resume, worker_loop


class WorkerPool:
    """Sends indices to workers in turn and takes their data back.

    Every worker has a queue of tasks and a queue of results of its own, so its results come in
    the order of its tasks, and a worker that dies can only break its own queues.
    """

    def __init__(
        self,
        make_fetcher,
        dataset,
        num_workers,
        *,
        prefetch_factor,
        context,
        base_seed,
        init_fn,
        timeout,
        in_order,
    ):
        context = context or _default_context()
        self._most_tasks = prefetch_factor * num_workers
        self._timeout = timeout
        self._in_order = in_order
        self._tasks = [context.Queue() for _ in range(num_workers)]
        self._results = [context.Queue() for _ in range(num_workers)]
        stopping = context.Event()
        self._processes = []
        self.stop = weakref.finalize(
            self, _stop, os.getpid(), stopping, self._processes, self._tasks, self._results
        )
        for worker, (tasks, results) in enumerate(zip(self._tasks, self._results)):
            tasks.cancel_join_thread()
            process = context.Process(
                target=worker_loop,
                args=(make_fetcher, dataset, tasks, results, stopping, base_seed, init_fn)
                + (worker, num_workers),
                daemon=True,
            )
            with interrupts.held_back():
                process.start()
            self._processes.append(process)

    def begin(self, indices) -> None:
        """Start an epoch over an iterator of indices; the first of them go out at once."""
        self._indices = indices
        self._active = [True] * len(self._processes)
        self._turns = itertools.cycle(range(len(self._processes)))
        self._pending: list[int] = []  # the workers that owe data, in the order it was asked for
        for _ in range(self._most_tasks):
            self._send_next()

    def resume(self) -> None:
        """Let all workers begin anew, and forget what they still had to send."""
        for tasks in self._tasks:
            tasks.put(Resume())
        for worker in range(len(self._processes)):
            while not isinstance(self._receive([worker])[1], Resume):
                pass

    def next(self):
        """The data of the next index; StopIteration after the last."""
        while self._pending:
            owing = self._pending[:1] if self._in_order else sorted(set(self._pending))
            worker, data = self._receive(owing)
            self._pending.remove(worker)
            if isinstance(data, IterationEnd):
                self._active[worker] = False
                self._pending = [other for other in self._pending if other != worker]
                self._send_next()
                continue
            self._send_next()
            if isinstance(data, Failure):
                data.reraise()
            return data
        raise StopIteration

    def _send_next(self) -> None:
        worker = self._choose_worker()
        if worker is None:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        self._tasks[worker].put((index,))
        self._pending.append(worker)

    def _choose_worker(self) -> int | None:
        """The next active worker in turn; if order does not matter, one that has room."""
        active = sum(self._active)
        for worker in itertools.islice(self._turns, len(self._active)):
            if not self._active[worker]:
                continue
            if self._in_order or self._pending.count(worker) < self._most_tasks // active:
                return worker
        return None

    def _receive(self, workers):
        """(worker, data) from whichever of the workers sends first."""
        readers = {self._results[worker]._reader: worker for worker in workers}
        sentinels = {self._processes[worker].sentinel: worker for worker in workers}
        deadline = time.monotonic() + self._timeout
        while True:
            wait = STATUS_CHECK_INTERVAL
            if self._timeout > 0:
                wait = max(0.0, deadline - time.monotonic())
            ready = multiprocessing.connection.wait([*readers, *sentinels], wait)
            for reader in ready:
                if reader in readers:
                    return readers[reader], self._take(readers[reader])
            if ready:
                raise self._death([sentinels[dead] for dead in ready])
            if self._timeout > 0 and time.monotonic() >= deadline:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")

    def _take(self, worker):
        """What a worker has put into its queue; to map shared memory, the worker has to live."""
        try:
            return transport.unpacked(self._results[worker].get())
        except (EOFError, OSError) as error:
            self._processes[worker].join(STATUS_CHECK_INTERVAL)
            if self._processes[worker].is_alive():
                raise
            raise self._death([worker]) from error

    def _death(self, workers):
        pids = ", ".join(str(self._processes[worker].pid) for worker in workers)
        return RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly")


def _default_context():
    """fork where it is the custom, so that scripts need no `if __name__ == "__main__"`."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen is None and os.name == "posix" and os.uname().sysname == "Linux":
        chosen = "fork"
    return multiprocessing.get_context(chosen)


def _stop(owner, stopping, processes, tasks, results) -> None:
    """End the workers: ask, wait, then terminate."""
    if os.getpid() != owner:  # a forked copy of the pool is not its owner
        return
    stopping.set()
    for queue in tasks:
        queue.put(None)
    deadline = time.monotonic() + STATUS_CHECK_INTERVAL
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for process in processes:
        if process.is_alive():
            process.terminate()
            process.join(STATUS_CHECK_INTERVAL)
    for queue in (*tasks, *results):
        queue.cancel_join_thread()
        queue.close()

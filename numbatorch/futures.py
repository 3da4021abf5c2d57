"""Results that arrive later (`torch.futures`)."""

import threading


class Future:
    """A value that is set once, waited for, and handed to callbacks."""

    def __init__(self, *, devices=None):
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._callbacks = []
        self._value = self._error = None

    def done(self):
        """Whether the result or an error is there."""
        return self._done.is_set()

    def value(self):
        """The result; RuntimeError before it is there."""
        if not self.done():
            raise RuntimeError("Future has not been completed: wait() for it")
        return self.wait()

    def wait(self):
        """Wait for the result, or raise the error."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result):
        """Complete the future."""
        self._complete(result, None)

    def set_exception(self, result):
        """Complete the future with an error."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def _complete(self, value, error):
        with self._lock:
            if self.done():
                raise RuntimeError("Future can only be marked completed once")
            self._value, self._error = value, error
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback):
        """Call callback(self) when the result is there, at once if it is."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A future of callback(self)."""
        result = Future()

        def follow(finished):
            try:
                result.set_result(callback(finished))
            except Exception as error:  # noqa: BLE001  it belongs to whoever waits
                result.set_exception(error)

        self.add_done_callback(follow)
        return result


def collect_all(futures):
    """A future of the list of completed futures."""
    futures = list(futures)
    result = Future()
    remaining = [len(futures)]
    lock = threading.Lock()

    def count(_):
        with lock:
            remaining[0] -= 1
            last = remaining[0] == 0
        if last:
            result.set_result(futures)

    if not futures:
        result.set_result([])
    for future in futures:
        future.add_done_callback(count)
    return result


def wait_all(futures):
    """The results of futures, in order; the first error is raised."""
    return [future.wait() for future in collect_all(futures).wait()]

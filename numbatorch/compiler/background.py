"""Compiling in the background: `mode="background"`.

What takes long is to compile kernels. A capture whose kernels are not there yet is given up, a thread
compiles them while eager mode runs, and the first call after it is captured again.
"""

import threading

from .. import cpu_builtins
from . import native_call


class Pending(Exception):
    """A plan cannot be made yet: `kernels` are being compiled."""

    def __init__(self, kernels):
        super().__init__()
        self.kernels = kernels


class Background:
    """Compiles the kernels of a function's plans in a thread, one capture's after the other's."""

    def __init__(self):
        self._thread = None

    @property
    def is_busy(self):
        """Whether kernels are being compiled."""
        return self._thread is not None and self._thread.is_alive()

    def ready(self, program):
        """Raise Pending where kernels of a program are yet to be compiled."""
        launches = [launch for one in program.instructions for launch in one.launches]
        kernels = [launch.kernel for launch in launches if not launch.kernel.is_compiled]
        if kernels:
            raise Pending(kernels)

    def start(self, kernels):
        """Compile kernels in a thread, which the end of the process waits for."""
        self._thread = threading.Thread(target=compile_all, args=(kernels,), name="compile")
        self._thread.start()

    def wait(self):
        """Wait until nothing is being compiled."""
        if self._thread is not None:
            self._thread.join()


def compile_all(kernels):
    """Compile kernels, and what runs them."""
    cpu_builtins.prepare(native_call.call)
    for kernel in kernels:
        kernel.pointer  # noqa: B018  is compiled when it is asked for

"""Random numbers of the host's generator on the device, so that its results can be compared with the CPU's.

Philox itself is checked by `check_random.py`; here the ops that draw are, in all else that they do.
"""

import inspect

from numbatorch import devices
from numbatorch.array import Array, empty
from numbatorch.cuda_kernels import random as philox_kernels
from numbatorch.cuda_memory import transfer
from numbatorch.random import default_generator


def _to_host(x):
    copy = empty(x.shape, x.dtype)
    transfer(copy, x)
    return copy


def _drawing_on_host(name):
    def draw(out, generator, *arguments, **options):
        drawn = empty(out.shape, out.dtype)
        on_host = [_to_host(x) if isinstance(x, Array) else x for x in arguments]
        getattr(devices.kernels(drawn).random, name)(drawn, default_generator, *on_host, **options)
        transfer(out, drawn)

    return draw


def install(monkeypatch):
    """Let every random kernel of the device draw on the host."""
    for name, function in inspect.getmembers(philox_kernels, inspect.isfunction):
        draws = list(inspect.signature(function).parameters)[:2] == ["out", "generator"]
        if draws and not name.startswith("_"):
            monkeypatch.setattr(philox_kernels, name, _drawing_on_host(name))

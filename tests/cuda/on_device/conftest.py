"""Shared by the checks that need a CUDA device; `tests/cuda/test_on_device.py` starts them.

They run in a process of their own: Numba's simulator stands in for a device only where it was asked
for before Numba was imported.
"""

import os

import pytest

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

if os.environ.get("NUMBATORCH_TEST_DEVICE") != "cuda":
    pytest.exit("run tests/cuda/test_on_device.py, which sets the environment", returncode=2)


def pytest_configure(config):
    """Kernels compute in Python there, so NumPy warns of overflows that compiled code ignores."""
    if SIMULATED:
        config.addinivalue_line("filterwarnings", "ignore::RuntimeWarning")


@pytest.fixture
def same_draws(monkeypatch):
    """Random numbers on the device are those of the CPU's generator."""
    import host_draws

    host_draws.install(monkeypatch)

"""Shared by the checks that run in the simulator; `tests/cuda/test_simulator.py` starts them."""

import os
import sys

import pytest

if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
    pytest.exit("set NUMBA_ENABLE_CUDASIM=1, or run tests/cuda/test_simulator.py", returncode=2)

# The simulator's main thread polls the threads of a block; let it not keep them waiting.
sys.setswitchinterval(1e-4)


def pytest_configure(config):
    """Kernels compute in Python there, so NumPy warns of overflows that compiled code ignores."""
    config.addinivalue_line("filterwarnings", "ignore::RuntimeWarning")

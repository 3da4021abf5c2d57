"""Shared by the checks that run in the simulator; `tests/cuda/test_simulator.py` starts them."""

import os

import pytest

if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
    pytest.exit("set NUMBA_ENABLE_CUDASIM=1, or run tests/cuda/test_simulator.py", returncode=2)

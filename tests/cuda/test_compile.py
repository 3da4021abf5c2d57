"""Compiles every CUDA kernel, in a process of its own, where a CUDA toolkit is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from compile_kernels import find_toolkit

SCRIPT = Path(__file__).with_name("compile_kernels.py")


@pytest.mark.slow
@pytest.mark.skipif(find_toolkit() is None, reason="no CUDA toolkit (ptxas, NVVM): set CUDA_HOME")
def test_every_kernel_compiles():
    done = subprocess.run([sys.executable, str(SCRIPT)], text=True, capture_output=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]

"""Runs the checks in `simulated/` in a process in which Numba simulates a CUDA device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "simulated"
ROOT = FOLDER.parents[2]
CHECKS = sorted(path.name for path in FOLDER.glob("check_*.py"))

#: Seconds; the op table takes the longest.
TIME_LIMIT = 15 * 60


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_in_the_simulator(check):
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "1",
        "NUMBATORCH_TEST_DEVICE": "cuda",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER / check)]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, text=True, capture_output=True, timeout=TIME_LIMIT
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]

"""Runs the checks in `on_device/` in processes of their own: in Numba's simulator, and on a card."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import numbatorch as torch

FOLDER = Path(__file__).parent / "on_device"
ROOT = FOLDER.parents[2]
CHECKS = sorted(path.name for path in FOLDER.glob("check_*.py"))

#: Seconds; the op table takes the longest.
TIME_LIMIT = 30 * 60


def run(checks, *options, **settings):
    environment = {
        **os.environ,
        "NUMBATORCH_TEST_DEVICE": "cuda",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        **settings,
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    command += [str(FOLDER / check) for check in checks]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, text=True, capture_output=True, timeout=TIME_LIMIT
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_in_the_simulator():
    """All in one run: every process takes seconds to start, and some checks much longer than others."""
    run(CHECKS, "-n", "auto", NUMBA_ENABLE_CUDASIM="1", NUMBATORCH_SIMULATED_DEVICES="2")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("check", CHECKS)
def test_on_a_card(check):
    run([check], NUMBA_ENABLE_CUDASIM="0")

"""Kernels run as plain Python give the same gradients as compiled ones."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_kernels_run_as_python():
    rows = "first_order and (addmm or softmax or cumsum or msort or flip)"
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--interpret", "-q", "-p", "no:cacheprovider", "-n", "0",
            "tests/test_op_table.py", "-k", rows,
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]

"""How long a user waits: imports, and first steps with a cold and a warm kernel cache.

python benchmarks/startup.py
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def seconds(*command, **environment):
    """How long a Python command takes."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return time.perf_counter() - start


def median(times, *command, **environment):
    return statistics.median(seconds(*command, **environment) for _ in range(times))


def first_step(program, cache):
    """Seconds from process start to the end of the first training step."""
    code = (
        "import sys; sys.path[:0] = ['benchmarks', '.']; import numbatorch, programs; "
        f"programs.PROGRAMS['{program}'](numbatorch)().item()"
    )
    return seconds("-c", code, NUMBATORCH_CACHE_DIR=cache)


def main():
    rows = [("import numbatorch", median(5, "-c", "import numbatorch"))]
    with contextlib.suppress(RuntimeError):  # not installed
        rows.append(("import torch", median(5, "-c", "import torch")))
    for program in ("linear_regression", "mnist"):
        with tempfile.TemporaryDirectory() as cache:
            rows.append((f"{program}: first step, cold cache", first_step(program, cache)))
            rows.append((f"{program}: first step, warm cache", first_step(program, cache)))
    with tempfile.TemporaryDirectory() as cache:
        example = ("-m", "numbatorch", "examples/linear_regression.py")
        rows.append(
            ("linear regression example, cold cache", seconds(*example, NUMBATORCH_CACHE_DIR=cache))
        )
    print("| what | seconds |\n| --- | ---: |")
    for name, value in rows:
        print(f"| {name} | {value:.2f} |")


if __name__ == "__main__":
    main()

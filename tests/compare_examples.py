"""Run every example under PyTorch and under numbatorch from the same seed and compare the losses.

`python tests/compare_examples.py [name ...]` prints a table and fails if any loss differs by more
than its tolerance. Needs PyTorch.
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LOSS = re.compile(r"^step +(\d+) +loss (\S+)$", re.MULTILINE)


class Case(NamedTuple):
    """An example with its arguments, and by how much the losses may differ, relatively."""

    script: str
    arguments: tuple
    steps: int
    tolerance: float

    @property
    def name(self):
        cell = self.arguments[1:2] if "--cell" in self.arguments else ()
        return "-".join((self.script, *cell))


CASES = [
    Case("linear_regression", (), 200, 1e-5),
    Case("logistic_regression", (), 200, 1e-5),
    Case("dropout_net", (), 200, 1e-5),
    # At its own learning rate of 1 the first steps of this network amplify rounding errors: PyTorch
    # beside itself, with weights that differ by 3e-7, is off by 60% after 22 steps.
    Case("mnist", ("--lr", "0.02"), 30, 1e-3),
    Case("cifar10_lenet", ("--epochs", "1"), 30, 1e-3),
    Case("names_rnn", ("--cell", "rnn"), 30, 1e-3),
    Case("names_rnn", ("--cell", "lstm"), 30, 1e-3),
    Case("names_rnn", ("--cell", "gru"), 30, 1e-3),
    Case("char_transformer", ("--sample", "50"), 30, 1e-3),
]


class NoData(Exception):
    """The example's data set is not on this machine."""


def losses(case, launcher):
    """The losses that the example prints, step by step."""
    script = ROOT / "examples" / f"{case.script}.py"
    arguments = [*case.arguments, "--steps", str(case.steps), "--log-interval", "1"]
    with tempfile.TemporaryDirectory() as folder:  # what it saves is not wanted
        run = subprocess.run(
            [sys.executable, *launcher, str(script), *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
    if "was not found. Put it into a folder" in run.stderr:
        raise NoData(run.stderr.strip().splitlines()[-1])
    if run.returncode != 0:
        raise RuntimeError(f"{case.name} failed:\n{run.stderr}")
    found = [(int(step), float(loss)) for step, loss in LOSS.findall(run.stdout)]
    if [step for step, _ in found] != list(range(1, case.steps + 1)):
        raise RuntimeError(f"{case.name} printed {len(found)} losses:\n{run.stdout}")
    return [loss for _, loss in found]


def largest_difference(case):
    """The largest relative difference between the losses under PyTorch and under numbatorch."""
    theirs = losses(case, [])
    mine = losses(case, ["-m", "numbatorch"])
    differences = [abs(a - b) / max(abs(b), 1e-12) for a, b in zip(mine, theirs, strict=True)]
    # A NaN compares false with everything: it must not pass as small.
    return max(
        float("inf") if difference != difference else difference for difference in differences
    )


def main(names):
    if find_spec("torch") is None:
        sys.exit("PyTorch is not installed: there is nothing to compare with")
    failed = 0
    print(f"{'example':24} {'steps':>5} {'difference':>11} {'allowed':>8}")
    for case in CASES:
        if names and case.name not in names and case.script not in names:
            continue
        try:
            difference = largest_difference(case)
        except NoData:
            print(f"{case.name:24} {case.steps:5} {'no data':>11}", flush=True)
            continue
        except RuntimeError as error:
            print(error, file=sys.stderr)
            difference = float("inf")
        ok = difference <= case.tolerance
        failed += not ok
        verdict = "" if ok else "  FAILED"
        print(
            f"{case.name:24} {case.steps:5} {difference:11.1e} {case.tolerance:8.0e}{verdict}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

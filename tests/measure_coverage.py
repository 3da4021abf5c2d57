"""Print the coverage of the test suite over numbatorch/, CPU side: python tests/measure_coverage.py

Machine code leaves no trace, so the suite runs as it is, and parts of it once more with kernels, formulas
and the builtins of op calls as plain Python (`interpreted.py`). The branches of all count. Arguments
choose the tests of the first run, in place of all of them: a folder's own tests show what they leave out.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Percent that the whole suite must reach.
LEAST = 90

#: What runs with kernels as Python: samples of every op, in several layouts.
OPS = "--interpret", "tests/test_op_table.py", "-k", "not second_order and not left_alone"

#: What else runs with kernels as Python: the tests of families of kernels that are marked small.
KERNELS = (
    "--interpret", "-m", "small",
    "tests/cpu_kernels", "tests/formulas", "tests/optim", "tests/test_random.py",
)  # fmt: skip

#: What runs with builtins as Python: calls that are repeated, and compiled programs. Left out is what
#: repeats a call hundreds of times, or watches memory that the interpretation itself takes.
BUILTINS = (
    "--interpret", "tests/test_native_call.py", "tests/test_cpu_builtins.py", "tests/test_memory.py",
    "tests/compiler/test_calls.py", "tests/compiler/test_steps.py",
    "tests/compiler/test_bad_labels.py", "-k", "not no_references and not too_many and not threads",
)  # fmt: skip


def run(*arguments):
    """Run a module's command; its exit status."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT).returncode


def measure(*arguments):
    """Run tests, and add what they reach to what was measured before."""
    measured = "--cov", "--cov-append", "--cov-report="
    return run("pytest", "-q", "-n", "auto", *measured, *arguments)


def main(chosen):
    run("coverage", "erase")
    failures = sum(measure(*tests) for tests in (chosen, OPS, KERNELS, BUILTINS))
    least = 0 if chosen else LEAST
    return failures + run("coverage", "report", f"--fail-under={least}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

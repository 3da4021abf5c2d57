"""Set everything up on a fresh machine and run a job: `python3 bootstrap.py mnist` or `... test`.

Needs Python 3.11 or newer and nothing else. The environment is made in `.venv`, once.
"""

import argparse
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

#: Job -> what it runs, after the environment's Python.
JOBS = {
    "mnist": ["-m", "numbatorch", "examples/mnist.py"],
    "test": ["-m", "pytest", "-q", "-n", "auto"],
    "smoke": ["-m", "pytest", "-q", "-m", "smoke"],
    "site": ["docs/build.py"],
}

#: Job -> the dependency groups that it needs; the others need "dev".
GROUPS = {"site": ["docs"]}


def requirements(groups):
    """The package itself, and the dependency groups of pyproject.toml."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return ["-e", str(ROOT), *(item for group in groups for item in table[group])]


def prepare(groups):
    """Make the environment, or bring it up to date where pyproject.toml changed."""
    stamp = ENVIRONMENT / "-".join(["installed", *groups])
    wanted = (ROOT / "pyproject.toml").read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        print(f"making {ENVIRONMENT}", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run(
        [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *requirements(groups),
        ],
        check=True,
    )
    stamp.write_text(wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=[*JOBS, "setup"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to the job")
    options = parser.parse_args()
    prepare(GROUPS.get(options.job, ["dev"]))
    if options.job == "setup":
        return 0
    command = [PYTHON, *JOBS[options.job], *options.arguments]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())

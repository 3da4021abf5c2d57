"""Compiled training steps beside PyTorch's eager and compiled ones: `python benchmarks/compiled.py`.

As in steps.py, each measurement has a process of its own, and only ratios within one run count.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from programs import PROGRAMS  # noqa: E402
from steps import measure  # noqa: E402

#: Column: (framework, whether the step is compiled).
COLUMNS = {
    "compiled": ("numbatorch", True),
    "eager": ("numbatorch", False),
    "PyTorch eager": ("torch", False),
    "PyTorch compiled": ("torch", True),
}
HEADER = """Compiled training steps, {threads} thread(s), median ms of a step; the ratios are to PyTorch eager.
Compile time: seconds from the import to the end of the second step.

| program | compiled | eager | PyTorch eager | PyTorch compiled | ratio, eager | ratio, compiled | compile time, s | PyTorch's, s |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def compare(program, columns, rounds, seconds, threads):
    """A row: {column: {"step": ..., "first step": ...}}, medians over the rounds."""
    runs = {name: [] for name in columns}
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(measure(*COLUMNS[name], program, seconds, threads))
    return {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for name, found in runs.items()
    }


def line(program, row):
    steps = [f"{row[name]['step'] * 1e3:.4f}" if name in row else "" for name in COLUMNS]
    theirs = row["PyTorch eager"]["step"]
    ratios = [f"{row[name]['step'] / theirs:.3f}" for name in ("eager", "compiled")]
    times = [
        f"{row[name]['first step']:.1f}" if name in row else ""
        for name in ("compiled", "PyTorch compiled")
    ]
    return f"| {program} | {' | '.join([*steps, *ratios, *times])} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", help="all where none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--with-torch-compile", action="store_true", help="needs a C++ compiler")
    parser.add_argument(
        "--write", action="store_true", help="keep the table in results/compiled.md"
    )
    options = parser.parse_args()
    columns = list(COLUMNS)[: 4 if options.with_torch_compile else 3]
    text = HEADER.format(threads=options.threads)
    print(text, end="")
    for program in options.programs or PROGRAMS:
        row = compare(program, columns, options.rounds, options.seconds, options.threads)
        print(line(program, row), flush=True)
        text += line(program, row) + "\n"
    if options.write:
        (HERE / "results" / "compiled.md").write_text(text)


if __name__ == "__main__":
    main()

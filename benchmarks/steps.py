"""Whole training steps, ours beside PyTorch's: `python benchmarks/steps.py`.

The two frameworks run in alternating processes, since in one process their thread pools would spin
against each other. What counts is the ratio of the medians; absolute times are not comparable from
one run to another.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from programs import PROGRAMS  # noqa: E402


def measure(framework, compiled, program, seconds, threads):
    """One process: what programs.py prints."""
    done = subprocess.run(
        [sys.executable, str(HERE / "programs.py"), framework, program, "--seconds", str(seconds),
         "--threads", str(threads), *(["--compiled"] if compiled else [])],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{framework} {program}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(program, rounds, seconds, threads):
    """A row: medians over the rounds of both frameworks, and their ratios."""
    runs = {"numbatorch": [], "torch": []}
    for _ in range(rounds):
        for framework, found in runs.items():
            found.append(measure(framework, False, program, seconds, threads))
    ours, theirs = (
        {
            key: statistics.median(run[key] for run in found)
            for key in ("step", "least", "first step", "peak")
        }
        for found in runs.values()
    )
    return {
        "program": program,
        "ours": ours["step"] * 1e3,
        "PyTorch": theirs["step"] * 1e3,
        "ratio": ours["step"] / theirs["step"],
        "least": ours["least"] / theirs["least"],
        "first": ours["first step"],
        "memory": ours["peak"] / theirs["peak"],
    }


def table(rows, threads):
    lines = [
        f"Training steps, {threads} thread(s), median ms; ratio is ours / PyTorch (below 1 is faster).",
        "",
        "| program | numbatorch | PyTorch | ratio | ratio of the least times | our first step, s | "
        "peak memory, ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        lines.append(
            f"| {row['program']} | {row['ours']:.3f} | {row['PyTorch']:.3f} | {row['ratio']:.2f} | "
            f"{row['least']:.2f} | {row['first']:.2f} | {row['memory']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def plot(rows, threads, path):
    """A bar for each program: our time in PyTorch's."""
    import matplotlib

    matplotlib.use("svg" if path.suffix == ".svg" else "agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 0.5 + 0.35 * len(rows)))
    ratios = [row["ratio"] for row in rows][::-1]
    bars = axes.barh(
        [row["program"] for row in rows][::-1],
        ratios,
        color=["#2563eb" if ratio <= 1 else "#d97706" for ratio in ratios],
    )
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.axvline(1, color="#57534e", linewidth=1)
    axes.set_xlim(0, 1.15 * max(1, *ratios))
    axes.set_xlabel(f"time of a training step, PyTorch = 1 ({threads} thread(s))")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", help="all where none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="keep the table in results/steps.md")
    parser.add_argument("--plot", type=Path, help="where to draw the ratios (docs/steps.png)")
    options = parser.parse_args()
    rows = []
    for program in options.programs or PROGRAMS:
        try:
            rows.append(compare(program, options.rounds, options.seconds, options.threads))
            print(table(rows[-1:], options.threads).splitlines()[-1], flush=True)
        except RuntimeError as error:
            print(error, flush=True)
    text = table(rows, options.threads)
    print(text)
    if options.plot:
        plot(rows, options.threads, options.plot)
    if options.write:
        (HERE / "results" / "steps.md").write_text(text)


if __name__ == "__main__":
    main()

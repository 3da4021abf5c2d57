"""What an op costs beyond its arithmetic, ours beside PyTorch's: `python benchmarks/overhead.py`.

Ops on 100 elements, on one thread. The two frameworks run in alternating processes; each figure is
the least time a call took in many short loops, which other work on the machine disturbs least.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def calls(torch):
    """{what is measured: a function that does it once}."""
    x, y, scalar = torch.randn(100), torch.randn(100), torch.randn(())
    leaf = torch.randn(100, requires_grad=True)
    matrix, weight = torch.randn(10, 10), torch.randn(10, 10, requires_grad=True)
    target = torch.randn(100)

    def chain():
        value = leaf
        for _ in range(10):
            value = value * y + x
        return value

    def chain_without_gradient():
        with torch.no_grad():
            return chain()

    def chain_and_backward():
        chain().sum().backward()
        leaf.grad = None

    return {
        "add": lambda: x + y,
        "add, recorded": lambda: leaf + y,
        "mul by a number": lambda: x * 2.0,
        "exp": lambda: x.exp(),
        "relu, recorded": lambda: torch.relu(leaf),
        "sum, recorded": lambda: leaf.sum(),
        "add to rows": lambda: matrix + matrix[0],
        "matmul 10x10, recorded": lambda: matrix @ weight,
        "view": lambda: x.view(10, 10),
        "add in place": lambda: target.add_(scalar),
        "empty": lambda: torch.empty(100),
        "chain of 20 ops": chain_without_gradient,
        "chain of 20 ops, recorded": chain,
        "chain of 20 ops and backward": chain_and_backward,
    }


def least(function, seconds):
    """The least time of a call, over loops that fill so many seconds."""
    for _ in range(20):
        function()
    start = time.perf_counter()
    for _ in range(20):
        function()
    repeats = max(5, int(0.002 / ((time.perf_counter() - start) / 20)))
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best


def measure(framework, seconds):
    """{what: seconds a call} in this process."""
    torch = importlib.import_module(framework)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return {name: least(function, seconds) for name, function in calls(torch).items()}


def in_process(framework, seconds):
    command = [sys.executable, __file__, "--framework", framework, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def table(ours, theirs):
    lines = [
        "Ops on 100 float32 elements, one thread, microseconds a call; ratio is ours / PyTorch.",
        "",
        "| what | numbatorch | PyTorch | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {ours[name] * 1e6:.2f} | {theirs[name] * 1e6:.2f} | "
        f"{ours[name] / theirs[name]:.2f} |"
        for name in ours
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--framework", choices=["numbatorch", "torch"], help="measure one, as JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each call and round")
    parser.add_argument(
        "--write", action="store_true", help="keep the table in results/overhead.md"
    )
    options = parser.parse_args()
    if options.framework:
        print(json.dumps(measure(options.framework, options.seconds)))
        return
    runs = {"numbatorch": [], "torch": []}
    for _ in range(options.rounds):
        for framework, found in runs.items():
            found.append(in_process(framework, options.seconds))
    ours, theirs = (
        {name: min(run[name] for run in found) for name in found[0]} for found in runs.values()
    )
    text = table(ours, theirs)
    print(text)
    if options.write:
        (HERE / "results" / "overhead.md").write_text(text)


if __name__ == "__main__":
    main()

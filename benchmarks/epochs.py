"""An epoch over a TensorDataset: eager, compiled step by step, and as one loop: `python benchmarks/epochs.py`.

Times are per step, medians of alternating epochs in one process; `gathering` is the part of the
DataLoader alone.
"""

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numbatorch as torch  # noqa: E402
from numbatorch import nn  # noqa: E402
from numbatorch.utils.data import DataLoader, TensorDataset  # noqa: E402


def linear_regression():
    """10,000 rows of 1 number, batches of 100, SGD."""
    data = TensorDataset(torch.randn(10_000, 1), torch.randn(10_000, 1))
    model = nn.Linear(1, 1)
    return data, 100, model, torch.optim.SGD(model.parameters(), lr=0.01), nn.MSELoss()


def dropout_net():
    """6,400 rows of 20 numbers, batches of 32, Adam."""
    data = TensorDataset(torch.randn(6400, 20), torch.randint(0, 2, (6400,)))
    model = nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 64), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(64, 2),
    )  # fmt: skip
    return data, 32, model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()


def mlp():
    """6,400 rows of 784 numbers, batches of 64, Adam."""
    data = TensorDataset(torch.randn(6400, 784), torch.randint(0, 10, (6400,)))
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return data, 64, model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()


def training_step(model, optimizer, criterion):
    def step(x, y):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


#: What runs an epoch: run(loader, step).
WAYS = {
    "gathering": lambda step: lambda loader: list(loader),
    "eager": lambda step: lambda loader: [step(*batch) for batch in loader],
    "compiled": lambda step: WAYS["eager"](torch.compile(step)),
    "loop": torch.compiler.loop,
}


def epochs_of(make):
    """({name: a function that runs an epoch}, steps of an epoch)"""
    found = {}
    for name, way in WAYS.items():
        torch.manual_seed(0)
        data, size, *training = make()
        loader = DataLoader(data, size, shuffle=True)
        found[name] = partial(way(training_step(*training)), loader)
    return found, len(loader)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print("| program | gathering | eager | compiled | loop | compiled / loop |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |   us a step")
    for make in (linear_regression, dropout_net, mlp):
        epochs, steps = epochs_of(make)
        seconds = {name: [] for name in epochs}
        for _ in range(rounds + 1):
            for name, epoch in epochs.items():
                begin = time.perf_counter()
                epoch()
                seconds[name].append(time.perf_counter() - begin)
        found = {n: 1e6 * statistics.median(s[1:]) / steps for n, s in seconds.items()}
        cells = " | ".join(f"{found[name]:.1f}" for name in epochs)
        print(f"| {make.__name__} | {cells} | {found['compiled'] / found['loop']:.1f} |")


if __name__ == "__main__":
    main()

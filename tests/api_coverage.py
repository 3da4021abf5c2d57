"""Which names of PyTorch that programs use exist here.

    python tests/api_coverage.py [names.csv]

`api_names.csv` has the first 700 names in the order in which each completes the most files of real
programs, and the share of files (weighted by repository) whose names are all there up to it. Prints
the missing names, and the share of files that the names before the first missing one complete.
"""

import csv
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numbatorch  # noqa: E402

NAMES = HERE / "api_names.csv"

#: Names that are not built, each with the reason.
ABSENT = {
    line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1].strip()
    for line in (HERE / "api_absent.txt").read_text().splitlines()
    if line.strip()
}


def _optimizer():
    return numbatorch.optim.SGD([numbatorch.zeros(1, requires_grad=True)], lr=0.1)


#: Classes whose instances have attributes that the class has not.
INSTANCES = {
    "torch.optim.Optimizer": _optimizer,
    "torch.utils.data.DataLoader": lambda: numbatorch.utils.data.DataLoader([1, 2]),
    "torch.nn.Module": numbatorch.nn.Module,
    "torch.optim.lr_scheduler.LRScheduler": lambda: numbatorch.optim.lr_scheduler.StepLR(
        _optimizer(), 1
    ),
}


def find(name):
    """What a name such as torch.nn.Linear stands for; AttributeError where there is nothing."""
    place, path = numbatorch, "torch"
    for part in name.split(".")[1:]:
        if path in INSTANCES and not hasattr(place, part):
            place = INSTANCES[path]()
        path = f"{path}.{part}"
        try:
            place = getattr(place, part)
        except AttributeError:
            try:
                place = importlib.import_module("numbatorch" + path.removeprefix("torch"))
            except ImportError:
                raise AttributeError(path) from None
    return place


def rows(path=NAMES):
    """(order, name, share of files complete) for each name."""
    with open(path) as file:
        for row in csv.DictReader(file):
            yield int(row["order"]), row["name"], float(row["cum_coverage_repo_weighted"])


def exists(name):
    """Whether there is something of this name."""
    try:
        find(name)
    except AttributeError:
        return False
    return True


def share_complete(found):
    """The weighted share of files whose names are all there, at least, and at most.

    A file needs all names up to the one that completes it, so every missing name takes away what the
    names from it on complete, at most, and what it completes itself, at least.
    """
    least = most = before = 0.0
    whole = True
    for _, name, share in rows():
        here = exists(name) if found is None else name in found
        whole = whole and here
        most += (share - before) if here else 0.0
        least = share if whole else least
        before = share
    return least, most


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else NAMES
    missing = [(order, name) for order, name, _ in rows(path) if not exists(name)]
    for order, name in missing:
        print(f"{order:5d} {name:60s} {ABSENT.get(name, '')}")
    total = sum(1 for _ in rows(path))
    print(f"{total - len(missing)} of {total} names are there")
    if path == NAMES:
        _, most = share_complete(None)
        print(f"weighted share of files whose names are all there: up to {100 * most:.1f}%")
    return 0


if __name__ == "__main__":
    sys.exit(main())

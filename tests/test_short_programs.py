"""Short programs, odd ones above all, whose results or exception types are those of PyTorch.

`short_programs.txt` holds each program with what PyTorch 2.13 gave: the repr of its last line, or the
exception. `python tests/test_short_programs.py` records them anew, where PyTorch is installed.
"""

import copy
import io
import warnings
from pathlib import Path

import numpy as np
import pytest

import numbatorch

RECORD = Path(__file__).with_name("short_programs.txt")


def read():
    """[(program, what PyTorch gave)]"""
    pairs = []
    for block in RECORD.read_text().strip().split("\n\n"):
        lines = block.split("\n")
        count = next((i for i, line in enumerate(lines) if line.startswith("| ")), len(lines))
        given = [line.removeprefix("| ") for line in lines[count:]]
        pairs.append(("\n".join(lines[:count]), "\n".join(given)))
    return pairs


def outcome(torch, program):
    """The repr of the last line's value, or the type of the exception."""
    torch.manual_seed(0)
    names = {"torch": torch, "np": np, "F": torch.nn.functional, "copy": copy, "io": io}
    *before, last = program.split("\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(before), names)
            value = eval(last, names)
    except Exception as error:  # noqa: BLE001  it is compared
        return f"raises {type(error).__name__.lstrip('_')}"
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("numbatorch", "torch").replace("\n\n", "\n")
    return "\n".join(line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("program, given", read())
def test_gives_what_pytorch_gives(program, given):
    assert outcome(numbatorch, program) == given


def record():
    """Write down what PyTorch gives."""
    import torch

    blocks = []
    for program, _ in read():
        given = outcome(torch, program).split("\n")
        blocks.append("\n".join([program, *(f"| {line}" for line in given)]))
    RECORD.write_text("\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    record()

"""Turning one number into one for each spatial dimension."""

from collections.abc import Iterable
from itertools import repeat


def _ntuple(count: int, name: str = "parse"):
    """A function that makes a tuple of ``count`` from a number, and leaves iterables alone."""

    def parse(value):
        if isinstance(value, Iterable):
            return tuple(value)
        return tuple(repeat(value, count))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(values: tuple, times: int) -> tuple:
    """(a, b) repeated twice becomes (b, b, a, a): the order in which `pad` wants its amounts."""
    return tuple(value for value in reversed(values) for _ in range(times))


def _list_with_default(sizes, defaults) -> list[int]:
    """``sizes`` with each None replaced by the matching (last) entry of ``defaults``."""
    if isinstance(sizes, int):
        return sizes
    if len(defaults) <= len(sizes):
        raise ValueError(f"Input dimension should be at least {len(sizes) + 1}")
    matching = defaults[-len(sizes) :]
    return [default if size is None else size for size, default in zip(sizes, matching)]

"""Where library code calls back into functions that the user wrote.

A module calls its `forward` and hooks, an autograd Function its `forward` and `backward`. While a
compiler interprets the user's code, it wants to see those calls: it sets `interpret`, and
interpret(function) is called in place of the function.
"""

import sys
from contextlib import contextmanager

interpret = None


def seen(function):
    """The function, or what the interpreter wants called in its place."""
    return function if interpret is None else interpret(function)


@contextmanager
def unwatched():
    """While a kernel is compiled nobody need watch for calls of the user's functions."""
    previous = sys.getprofile()
    if getattr(previous, "watches_user_code", False):
        sys.setprofile(None)
    try:
        yield
    finally:
        if getattr(previous, "watches_user_code", False):
            sys.setprofile(previous)

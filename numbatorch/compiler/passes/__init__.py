"""The passes over a program, in the order in which they run; each is a function of a program."""

from ..drawing import draw
from . import common_subexpressions, dead_code, fusion

PASSES = (
    ("common subexpressions", common_subexpressions.run),
    ("dead code", dead_code.run),
    ("fusion", fusion.run),
)


def optimise(program):
    """Run all passes; returns (name, text, drawing) of the program before and after each of them."""
    history = [("captured", str(program), draw(program))]
    for name, run in PASSES:
        run(program)
        history.append((name, str(program), draw(program)))
    return history

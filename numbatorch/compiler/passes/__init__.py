"""The passes over a program, in the order in which they run; each is a function of a program."""

from . import common_subexpressions, dead_code, fusion

PASSES = (
    ("common subexpressions", common_subexpressions.run),
    ("dead code", dead_code.run),
    ("fusion", fusion.run),
)


def optimise(program):
    """Run all passes; yields (name, program as text) after each for a report."""
    history = []
    for name, run in PASSES:
        run(program)
        history.append((name, str(program)))
    return history

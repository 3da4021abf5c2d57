"""The passes over a program, in the order in which they run; each is a function of a program."""

from ..drawing import draw
from . import batch_norm_folding, common_subexpressions, constant_folding, dead_code, fusion

PASSES = (
    ("common subexpressions", common_subexpressions.run),
    ("dead code", dead_code.run),
    ("fusion", fusion.run),
)


def optimise(program, frozen=None):
    """Run all passes; returns (name, text, drawing) of the program before and after each of them.

    What is `frozen` may be computed with beforehand; see `frozen.py`.
    """
    passes = list(PASSES)
    if frozen is not None:
        constants = "constant folding", lambda program: constant_folding.run(program, frozen)
        norms = "batch norm folding", lambda program: batch_norm_folding.run(program, frozen)
        passes[2:2] = [constants, norms, constants]
    history = [("captured", str(program), draw(program))]
    for name, run in passes:
        run(program)
        history.append((name, str(program), draw(program)))
    return history

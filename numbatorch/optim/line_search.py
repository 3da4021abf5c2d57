"""A line search for the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6)."""

from __future__ import annotations

from typing import NamedTuple

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
SMALLEST_BRACKET = 1e-9


class Trial(NamedTuple):
    """A step length with the loss, gradient and slope found there."""

    length: float
    loss: float
    grad: object
    slope: object


def strong_wolfe(evaluate, length, direction, loss, grad, slope, most_steps=25):
    """Find a step length along `direction` that satisfies the strong Wolfe conditions.

    `evaluate(length)` returns (loss, gradient). Returns (loss, gradient, length, evaluations).
    """
    start = Trial(0, loss, grad.clone(), slope)

    def try_length(length) -> Trial:
        loss, grad = evaluate(length)
        return Trial(length, loss, grad.clone(), grad.dot(direction))

    def too_high(trial) -> bool:
        return trial.loss > start.loss + SUFFICIENT_DECREASE * trial.length * start.slope

    previous, trial = start, try_length(length)
    evaluations, steps, done = 1, 0, False
    while steps < most_steps:
        if too_high(trial) or (steps > 1 and trial.loss >= previous.loss):
            bracket = [previous, trial]
            break
        if abs(trial.slope) <= -CURVATURE * start.slope:
            bracket, done = [trial], True
            break
        if trial.slope >= 0:
            bracket = [previous, trial]
            break
        bounds = (trial.length + 0.01 * (trial.length - previous.length), trial.length * 10)
        length = cubic_minimum(previous, trial, bounds)
        previous, trial = trial, try_length(length)
        evaluations += 1
        steps += 1
    else:
        bracket = [start, trial]

    widest = direction.abs().max()
    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    while not done and steps < most_steps:
        if abs(bracket[1].length - bracket[0].length) * widest < SMALLEST_BRACKET:
            break
        length = cubic_minimum(*bracket)
        length, stuck = _away_from_ends(length, bracket, stuck)
        trial = try_length(length)
        evaluations += 1
        steps += 1
        if too_high(trial) or trial.loss >= bracket[low].loss:
            bracket[high] = trial
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if abs(trial.slope) <= -CURVATURE * start.slope:
            done = True
        elif trial.slope * (bracket[high].length - bracket[low].length) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = trial
    best = bracket[low]
    return best.loss, best.grad, best.length, evaluations


def cubic_minimum(a: Trial, b: Trial, bounds=None):
    """Where the cubic through both losses and slopes is least, within the bounds."""
    least, most = bounds or (min(a.length, b.length), max(a.length, b.length))
    mixed = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    discriminant = mixed**2 - a.slope * b.slope
    if discriminant < 0:
        return (least + most) / 2.0
    root = discriminant.sqrt()
    if a.length > b.length:
        a, b = b, a
    fraction = (b.slope + root - mixed) / (b.slope - a.slope + 2 * root)
    return min(max(b.length - (b.length - a.length) * fraction, least), most)


def _away_from_ends(length, bracket, stuck: bool):
    """Do not creep along an end of the bracket twice in a row."""
    least, most = sorted(trial.length for trial in bracket)
    margin = 0.1 * (most - least)
    if min(most - length, length - least) >= margin:
        return length, False
    if not stuck and least < length < most:
        return length, True
    nearer_most = abs(length - most) < abs(length - least)
    return (most - margin if nearer_most else least + margin), False

"""The scalar part of normalisation."""

import math

from .typed import formula, like


@formula
def reciprocal_deviation(variance, epsilon):
    """1 / sqrt(variance + epsilon)"""
    return like(variance, 1) / math.sqrt(variance + epsilon)

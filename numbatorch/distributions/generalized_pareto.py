"""The generalized Pareto distribution."""

import math

from .. import ops
from ..graph import Value
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Tails beyond `loc`: heavy where `concentration` > 0, exponential at 0, bounded below it."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        numbers = not any(isinstance(x, Value) for x in (loc, scale, concentration))
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(() if numbers else self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        names = ("loc", "scale", "concentration")
        return self._expanded(_instance, GeneralizedPareto, batch_shape, names)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(ops.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def _z(self, x):
        return (x - self.loc) / self.scale

    def _safe_concentration(self):
        """(whether the concentration is 0, the concentration with 1 in the place of 0)."""
        zero = ops.isclose(self.concentration, ops.zeros_like(self.concentration))
        return zero, self.concentration.masked_fill(zero, 1)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z, (zero, concentration) = self._z(value), self._safe_concentration()
        y = 1 / concentration + ops.ones_like(z)
        curved = ops.where(y == 0, y, y * ops.log1p(concentration * z))
        return -self.scale.log() - ops.where(zero, z, curved)

    def log_survival_function(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z, (zero, concentration) = self._z(value), self._safe_concentration()
        return ops.where(zero, -z, -ops.log1p(concentration * z) / concentration)

    def log_cdf(self, value):
        return ops.log1p(-ops.exp(self.log_survival_function(value)))

    def cdf(self, value):
        return ops.exp(self.log_cdf(value))

    def icdf(self, value):
        zero, concentration = self._safe_concentration()
        logarithm = ops.log1p(-value)
        curved = self.loc + self.scale / concentration * ops.expm1(-concentration * logarithm)
        return ops.where(zero, self.loc - self.scale * logarithm, curved)

    @property
    def mean(self):
        valid = self.concentration < 1
        concentration = ops.where(valid, self.concentration, 0.5)
        return ops.where(valid, self.loc + self.scale / (1 - concentration), math.nan)

    @property
    def variance(self):
        valid = self.concentration < 0.5
        concentration = ops.where(valid, self.concentration, 0.25)
        found = self.scale**2 / ((1 - concentration) ** 2 * (1 - 2 * concentration))
        return ops.where(valid, found, math.nan)

    def entropy(self):
        return (ops.log(self.scale) + self.concentration + 1).expand(self._batch_shape)

    @property
    def mode(self):
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        bounded = self.loc - self.scale / self.concentration
        upper = ops.where(self.concentration < 0, bounded, math.inf)
        return constraints.interval(self.loc, upper)

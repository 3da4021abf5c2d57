"""The von Mises distribution of angles."""

import math

from .. import ops
from ..autograd import no_grad
from ..dtypes import bool_, float64
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles around `loc`, of concentration `concentration`."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        if _instance is not None:
            return self._expanded(_instance, VonMises, batch_shape, ("loc", "concentration"))
        loc, concentration = self.loc.expand(batch_shape), self.concentration.expand(batch_shape)
        return type(self)(loc, concentration, validate_args=False)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        found = self.concentration * ops.cos(value - self.loc) - math.log(2 * math.pi)
        scaled = ops.log(ops.special_i0e(self.concentration))
        return found - scaled - self.concentration

    @lazy_property
    def _proposal_r(self):
        kappa = self.concentration.to(float64)
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        r = (1 + rho**2) / (2 * rho)
        return ops.where(kappa < 1e-5, 1 / kappa + kappa, r)  # its Taylor series near 0

    def sample(self, sample_shape=()):
        """By rejection from a wrapped Cauchy distribution (Best and Fisher, 1979), in float64."""
        shape = self._extended_shape(sample_shape)
        with no_grad():
            x = ops.empty(shape, dtype=float64, device=self.loc.device)
            loc, kappa = self.loc.to(float64), self.concentration.to(float64).expand(x.shape)
            r = self._proposal_r.expand(x.shape)
            done = ops.zeros(shape, dtype=bool_, device=self.loc.device)
            while not done.all():
                u1, u2, u3 = ops.rand((3, *shape), dtype=float64, device=self.loc.device).unbind()
                z = ops.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                if accept.any():
                    x = ops.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                    done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        """The circular variance."""
        return 1 - ops.special_i1e(self.concentration) / ops.special_i0e(self.concentration)

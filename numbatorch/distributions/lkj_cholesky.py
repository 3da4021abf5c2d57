"""The LKJ distribution of Cholesky factors of correlation matrices (Lewandowski et al., 2009)."""

import math

from .. import ops
from ..autograd import no_grad
from ..dtypes import finfo
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Factors of dim x dim correlation matrices C, of density proportional to |C|**(concentration - 1)."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        marginal = self.concentration + 0.5 * (self.dim - 2)
        offset = ops.arange(
            self.dim - 1, dtype=self.concentration.dtype, device=self.concentration.device
        )
        offset = ops.cat([offset.new_zeros((1,)), offset])
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), (dim, dim), validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(_instance, LKJCholesky, batch_shape, ("concentration",))
        new.dim = self.dim
        new._beta = self._beta.expand((*batch_shape, self.dim))
        return new

    def sample(self, sample_shape=()):
        """By the onion method."""
        with no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            normal = ops.randn(shape, dtype=y.dtype, device=y.device).tril(-1)
            sphere = normal / normal.norm(dim=-1, keepdim=True)
            sphere[..., 0, :].fill_(0.0)  # the first row has no direction
            w = ops.sqrt(y) * sphere
            tiny = finfo(w.dtype).tiny
            diagonal = ops.clamp(1 - ops.sum(w**2, dim=-1), min=tiny).sqrt()
            return w + ops.diag_embed(diagonal)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        order = ops.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        diagonal = value.diagonal(0, -2, -1)[..., 1:]
        unnormalized = ops.sum(order * diagonal.log(), dim=-1)
        less_one = self.dim - 1
        alpha = self.concentration + 0.5 * less_one
        denominator = ops.lgamma(alpha) * less_one
        numerator = ops.special_multigammaln(alpha - 0.5, less_one)
        constant = 0.5 * less_one * math.log(math.pi)
        return unnormalized - (constant + numerator - denominator)

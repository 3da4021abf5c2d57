"""Exponential families: the entropy from the log normaliser."""

from .. import autograd
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), theta> - F(theta) + k(x)), with natural parameters theta."""

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        """By a Bregman divergence of the log normaliser."""
        result = -self._mean_carrier_measure
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        with autograd.enable_grad():
            normalizer = self._log_normalizer(*parameters)
            gradients = autograd.grad(normalizer.sum(), parameters, create_graph=True)
        result = result + normalizer
        for parameter, gradient in zip(parameters, gradients):
            product = parameter * gradient
            result = result - product.reshape(*self._batch_shape, -1).sum(-1)
        return result

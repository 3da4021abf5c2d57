"""The categorical distribution with one-hot samples."""

from .. import ops
from ..autograd import no_grad
from ..nn import functional as F
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


def _of_categorical(name):
    def read(self):
        return getattr(self._categorical, name)

    return property(read)


class OneHotCategorical(Distribution):
    """Vectors of one 1, at an index drawn with the probabilities of the last dimension."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.batch_shape
        super().__init__(shape, self._categorical.param_shape[-1:], validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(_instance, OneHotCategorical, batch_shape, ())
        new._categorical = self._categorical.expand(batch_shape)
        return new

    _param = _of_categorical("_param")
    probs = _of_categorical("probs")
    logits = _of_categorical("logits")
    param_shape = _of_categorical("param_shape")

    @property
    def mean(self):
        return self._categorical.probs

    @property
    def mode(self):
        mode = self._categorical.probs.argmax(-1)
        return F.one_hot(mode, self._event_shape[-1]).to(self._categorical.probs)

    @property
    def variance(self):
        return self._categorical.probs * (1 - self._categorical.probs)

    def sample(self, sample_shape=()):
        indices = self._categorical.sample(sample_shape)
        return F.one_hot(indices, self._event_shape[-1]).to(self._categorical.probs)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n = self._event_shape[0]
        values = ops.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot samples whose gradient is that of the probabilities (Bengio et al., 2013)."""

    has_rsample = True

    def rsample(self, sample_shape=()):
        with no_grad():
            samples = self.sample(sample_shape)
        probs = self._categorical.probs
        return samples + (probs - probs.detach())

"""What the transforms share."""

from collections.abc import Sequence
from numbers import Number

from ... import nn
from ...creation import empty
from ...random_tensors import rand
from ...tensor import Tensor
from .functional import InterpolationMode, get_dimensions


def uniform(low, high):
    """A random number between the two."""
    return empty(1).uniform_(low, high).item()


def happens(p):
    """True with probability p."""
    return rand(1).item() < p


class Transform(nn.Module):
    """Shows itself by the values that its class lists in `shown`, as torchvision shows it."""

    shown = ()
    separator = ", "

    def __repr__(self):
        values = self.separator.join(f"{name}={_shown(getattr(self, name))}" for name in self.shown)
        return f"{type(self).__name__}({values})"


def _shown(value):
    if isinstance(value, tuple):
        return tuple(round(x, 4) if isinstance(x, float) else x for x in value)
    return value.value if isinstance(value, InterpolationMode) else value


def check_sequence(value, name, lengths):
    """TypeError for what is no sequence, ValueError for one of another length."""
    wanted = f"{name} should be a sequence of length {' or '.join(map(str, lengths))}."
    if not isinstance(value, Sequence):
        raise TypeError(wanted)
    if len(value) not in lengths:
        raise ValueError(wanted)


def angles(value, name, lengths=(2,)):
    """An interval of degrees; a number stands for the interval from -number to number."""
    if isinstance(value, Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        value = [-value, value]
    check_sequence(value, name, lengths)
    return [float(degrees) for degrees in value]


def checked_fill(fill):
    """A colour, or a number for all channels."""
    if fill is not None and not isinstance(fill, Sequence | Number):
        raise TypeError("Fill should be either a sequence or a number.")
    return 0 if fill is None else fill


def fill_for(img, fill):
    """The colour as the functions of tensors take it: a list of floats, one for each channel."""
    if fill is None or not isinstance(img, Tensor):
        return fill
    if isinstance(fill, Number):
        return [float(fill)] * get_dimensions(img)[0]
    return [float(value) for value in fill]

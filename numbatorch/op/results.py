"""What a shape rule says of the results of an op: Spec for new memory, Layout for a view."""

from .. import shapes
from ..devices import form_with
from ..shapes import contiguous_strides


class Spec:
    """Shape and dtype of an output; strides where it is not row-major."""

    __slots__ = ("shape", "dtype", "strides")

    def __init__(self, shape, dtype, strides=None):
        self.shape = shape if shape.__class__ is shapes.Size else shapes.Size(shape)
        self.dtype = dtype
        self.strides = strides

    def form_on(self, place):
        """The Form of such an output on the device `place`."""
        strides = contiguous_strides(self.shape) if self.strides is None else self.strides
        return form_with(self.dtype, self.shape, strides, place.type, place.index)


def spec_like(value):
    """The Spec of an output that looks like `value`, dense."""
    return Spec(value.shape, value.dtype)


class Layout:
    """What a view op returns: how the output looks into the memory of its input.

    `dtype` where it is another than the input's; strides and offset then count its elements.
    """

    __slots__ = ("shape", "strides", "offset", "dtype", "form")

    def __init__(self, shape, strides, offset, dtype=None):
        self.form = None
        self.shape = shape if shape.__class__ is shapes.Size else shapes.Size(shape)
        self.strides = tuple(strides)
        self.offset = offset
        self.dtype = dtype

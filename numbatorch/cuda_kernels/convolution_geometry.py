"""What kernels of convolutions are told: sizes, strides and offsets, with three spatial dimensions.

One or two spatial dimensions are three, of which the first have size 1.
"""

from typing import NamedTuple

from ..shapes import numel


class Geometry(NamedTuple):
    """Numbers of a convolution. Layouts are the strides of the first, second, depth, height and width
    dimension of an operand, and its offset; channels and outs are those of a group."""

    images: int
    groups: int
    channels: int
    outs: int
    x_layout: tuple
    weight_layout: tuple
    out_layout: tuple
    size: tuple
    taps: tuple
    out_size: tuple
    stride: tuple
    padding: tuple
    dilation: tuple

    @classmethod
    def of(cls, x, weight, out, stride, padding, dilation, groups):
        """The Geometry of a convolution of `x` with `weight` that gives `out`."""
        return cls(
            x.shape[0], groups, weight.shape[1], weight.shape[0] // groups,
            _layout(x), _layout(weight), _layout(out),
            _volume(x.shape[2:], 1), _volume(weight.shape[2:], 1), _volume(out.shape[2:], 1),
            _volume(stride, 1), _volume(padding, 0), _volume(dilation, 1),
        )  # fmt: skip

    @property
    def taps_of_input(self):
        """Channels times taps: how many elements of the input make one of the output."""
        return self.channels * numel(self.taps)

    @property
    def places(self):
        """Elements of a channel of the output, of all images."""
        return self.images * numel(self.out_size)


def _volume(values, missing):
    """A spatial tuple of one to three numbers as a triple."""
    return (missing,) * (3 - len(values)) + tuple(values)


def _layout(array):
    return (*array.strides[:2], *_volume(array.strides[2:], 0), array.offset)

"""Many images as one, and into a file."""

import math

import numpy as np

from .. import ops
from ..autograd import no_grad
from ..dtypes import uint8
from ..tensor import Tensor


@no_grad()
def make_grid(
    tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0
):
    """Images (N, C, H, W), or a list of them, side by side: `nrow` in a row, on a border.

    With `normalize`, values are brought from `value_range`, or from the least and the greatest of
    all images (of each with `scale_each`), to [0, 1]. One channel becomes three.
    """
    images = _batch(tensor)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        parts = images.unbind(0) if scale_each else [images]
        scaled = [_scaled(part, value_range) for part in parts]
        images = ops.stack(scaled) if scale_each else scaled[0]
    if images.size(0) == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    high, wide = height + padding, width + padding
    grid = images.new_full((channels, high * rows + padding, wide * columns + padding), pad_value)
    for k in range(count):
        top, left = k // columns * high + padding, k % columns * wide + padding
        grid[:, top : top + height, left : left + width] = images[k]
    return grid


def _batch(tensor):
    """The images as N x C x H x W, with at least three channels."""
    if isinstance(tensor, list):
        for image in tensor:
            if not isinstance(image, Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(image)}"
                )
        tensor = ops.stack(tensor)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    while tensor.dim() < 4:
        tensor = tensor.unsqueeze(0)
    return ops.cat([tensor] * 3, 1) if tensor.size(1) == 1 else tensor


def _scaled(image, value_range):
    low, high = value_range or (image.min().item(), image.max().item())
    return image.clamp(low, high).sub(low).div(max(high - low, 1e-5))


@no_grad()
def save_image(tensor, fp, format=None, **options):
    """Write images as one picture file; `options` are those of make_grid."""
    from PIL import Image

    grid = make_grid(tensor, **options)
    pixels = grid.mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to(uint8)
    Image.fromarray(np.ascontiguousarray(pixels.cpu().numpy())).save(fp, format=format)

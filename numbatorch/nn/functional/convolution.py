"""Convolutions, and the sliding windows they are made of."""

from numbatorch import creation, ops
from numbatorch.nn.sizes import _pair
from numbatorch.tensor import Tensor


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """A convolution of (T, N, C_in) by (width, C_in, C_out), over the first dimension."""
    if input.dim() != 3 or weight.dim() != 3 or bias.dim() != 1:
        raise RuntimeError(
            "conv_tbc: expected 3-dimensional input and weight and 1-dimensional bias, but got "
            f"{input.dim()}, {weight.dim()} and {bias.dim()} dimensions"
        )
    found = ops.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return found.permute(2, 0, 1)


def unfold(input: Tensor, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """The windows of (N, C, H, W) as columns (N, C * kernel elements, windows)."""
    if input.dim() not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    vertical, horizontal = _pair(padding)
    images = ops.pad(input, (horizontal, horizontal, vertical, vertical))
    kernel = _pair(kernel_size)
    index, windows = _window_index(
        "unfold", images.shape[-2:], kernel, _pair(dilation), _pair(stride), input.device
    )
    columns = images.flatten(-2).index_select(-1, index)
    rows = input.size(-3) * kernel[0] * kernel[1]
    return columns.reshape(*input.shape[:-3], rows, windows)


def fold(input: Tensor, output_size, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """The sum of overlapping windows, given as columns, in an image of ``output_size``."""
    if input.dim() not in (2, 3):
        raise RuntimeError(
            "Input Error: Expected unbatched (2D) or batched (3D) input, but got input with "
            f"{input.dim()} dimensions"
        )
    kernel, (vertical, horizontal) = _pair(kernel_size), _pair(padding)
    height, width = _pair(output_size)
    space = (height + 2 * vertical, width + 2 * horizontal)
    index, windows = _window_index(
        "fold", space, kernel, _pair(dilation), _pair(stride), input.device
    )
    elements = kernel[0] * kernel[1]
    if input.size(-2) % elements or input.size(-1) != windows:
        raise RuntimeError(
            f"fold(): expected input of {elements} * C rows and {windows} columns for "
            f"output_size={(height, width)}, kernel_size={kernel}, but got {list(input.shape)}"
        )
    batch, channels = input.shape[:-2], input.size(-2) // elements
    images = creation.zeros(
        (*batch, channels, space[0] * space[1]), dtype=input.dtype, device=input.device
    )
    images = images.index_add(-1, index, input.reshape(*batch, channels, elements * windows))
    images = images.reshape(*batch, channels, *space)
    return images[..., vertical : vertical + height, horizontal : horizontal + width]


def _window_index(name: str, space, kernel, dilation, stride, device) -> tuple[Tensor, int]:
    """Where each element of each window lies in a flattened image, and how many windows fit."""
    axes, counts = [], []
    for length, size, spread, step in zip(space, kernel, dilation, stride):
        if min(size, spread, step) <= 0:
            raise RuntimeError(
                f"{name}(): kernel_size, dilation and stride should be greater than zero, but got "
                f"kernel_size={kernel}, dilation={dilation}, stride={stride}"
            )
        count = (length - spread * (size - 1) - 1) // step + 1
        if count <= 0:
            raise RuntimeError(
                f"{name}(): windows of kernel_size={kernel}, dilation={dilation} do not fit into "
                f"the padded image of size {tuple(space)}"
            )
        within = creation.arange(size, device=device).unsqueeze(1) * spread
        axes.append(within + creation.arange(count, device=device) * step)
        counts.append(count)
    rows, columns = axes
    rows = rows.reshape(kernel[0], 1, counts[0], 1)
    columns = columns.reshape(1, kernel[1], 1, counts[1])
    return (rows * space[1] + columns).reshape(-1), counts[0] * counts[1]

"""Maxima over windows that lie at random, so that the size shrinks by any factor (Graham, 2014)."""

import numpy as np

from numbatorch import creation, random_tensors
from numbatorch.nn.sizes import _pair, _triple
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor


def fractional_max_pool2d(
    input: Tensor, kernel_size, output_size=None, output_ratio=None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
):  # fmt: skip
    """Maxima over windows of (N, C, H, W); ``output_size`` or its ratio to the input is given."""
    found = _pooled(2, input, _pair(kernel_size), output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor, kernel_size, output_size=None, output_ratio=None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
):  # fmt: skip
    """Maxima over windows of (N, C, D, H, W); ``output_size`` or its ratio to the input is given."""
    found = _pooled(3, input, _triple(kernel_size), output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool2d_with_indices(input: Tensor, kernel_size, *args, **kwargs):
    return fractional_max_pool2d(input, kernel_size, *args, **{**kwargs, "return_indices": True})


def fractional_max_pool3d_with_indices(input: Tensor, kernel_size, *args, **kwargs):
    return fractional_max_pool3d(input, kernel_size, *args, **{**kwargs, "return_indices": True})


@full_precision
def _pooled(rank: int, input: Tensor, kernel, output_size, output_ratio, samples):
    name = f"fractional_max_pool{rank}d"
    if input.dim() not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(input.shape)}"
        )
    if input.numel() == 0 and 0 in input.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got "
            f"{list(input.shape)}"
        )
    sizes = _output_sizes(name, rank, input.shape[-rank:], output_size, output_ratio)
    for size, window, out in zip(input.shape[-rank:], kernel, sizes):
        if out <= 0 or window <= 0 or out + window - 1 > size:
            raise RuntimeError(
                f"{name}(): pool size {tuple(kernel)} and output size {tuple(sizes)} do not fit "
                f"into the input size {tuple(input.shape[-rank:])}"
            )
    batched = input if input.dim() == rank + 2 else input.unsqueeze(0)
    count, channels = batched.shape[:2]
    if samples is None:
        samples = random_tensors.rand(count, channels, rank, dtype=input.dtype, device=input.device)
    _check_samples(name, rank, samples, count, channels)
    samples = samples[:count, :channels]
    index = _window_elements(rank, batched.shape[2:], kernel, sizes, samples)
    elements = index.reshape(count, channels, -1)
    windows = batched.flatten(2).gather(2, elements).reshape(index.shape)
    values, places = windows.max(-1)
    indices = index.gather(-1, places.unsqueeze(-1)).squeeze(-1)
    if input.dim() == rank + 1:
        return values.squeeze(0), indices.squeeze(0)
    return values, indices


def _output_sizes(name: str, rank: int, sizes, output_size, output_ratio) -> list[int]:
    as_many = _pair if rank == 2 else _triple
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is not None:
        return list(as_many(output_size))
    return [int(size * ratio) for size, ratio in zip(sizes, as_many(output_ratio))]


def _check_samples(name: str, rank: int, samples: Tensor, count: int, channels: int) -> None:
    if samples.dim() != 3 or samples.size(0) < count or samples.size(1) < channels:
        raise RuntimeError(
            f"{name}(): expected _random_samples of shape ({count}, {channels}, {rank}), but got "
            f"{list(samples.shape)}"
        )
    if samples.size(2) != rank:
        raise RuntimeError(
            f"Expect _random_samples.size(2) equals to {rank}; got {samples.size(2)}."
        )


def _window_elements(rank: int, space, kernel, sizes, samples: Tensor) -> Tensor:
    """The index in the flattened image of each element of each window, windows last."""
    drawn = samples.detach().cpu().numpy()
    order = (1, 0) if rank == 2 else (0, 1, 2)  # in two dimensions the first sample is the width's
    result = 0
    for axis in range(rank):
        starts = _starts(drawn[..., order[axis]], space[axis], kernel[axis], sizes[axis])
        places = starts[..., None] + np.arange(kernel[axis])
        form = [*starts.shape[:2], *([1] * (2 * rank))]
        form[2 + axis], form[2 + rank + axis] = sizes[axis], kernel[axis]
        result = result + places.reshape(form) * int(np.prod(space[axis + 1 :], dtype=np.int64))
    flat = result.reshape(*result.shape[: 2 + rank], -1)
    return creation.from_numpy(np.ascontiguousarray(flat, np.int64)).to(samples.device)


def _starts(sample: np.ndarray, size: int, window: int, count: int) -> np.ndarray:
    """Where the windows begin along one axis: steps of a mean length, shifted by the sample."""
    last = np.full((*sample.shape, 1), size - window)
    if count == 1:
        return last
    step = sample.dtype.type(size - window) / sample.dtype.type(count - 1)
    number = np.arange(count - 1, dtype=sample.dtype)
    begun = ((number + sample[..., None]) * step).astype(np.int64)
    return np.concatenate([begun - (sample[..., None] * step).astype(np.int64), last], -1)

"""From one kind of image to another, and from one range of numbers to another."""

import numpy as np

from .... import ops
from ....creation import as_tensor, from_numpy
from ....dtypes import float32, float64, get_default_dtype, int32, int64, uint8
from ....tensor import Tensor
from .images import is_pillow


def pil_to_tensor(pic):
    """A Pillow image as a tensor (C, H, W) of its own numbers."""
    if not is_pillow(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    array = np.array(pic)
    return from_numpy(np.ascontiguousarray(_planes(array)))


def to_tensor(pic):
    """An image, or an array (H, W) or (H, W, C), as a tensor (C, H, W); bytes scaled to [0, 1]."""
    if not is_pillow(pic) and not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    array = np.asarray(pic)
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    if is_pillow(pic) and array.dtype == bool:  # mode "1"
        array = array.astype(np.uint8) * 255
    if is_pillow(pic) and array.dtype == np.uint16:  # mode "I;16"
        array = array.astype(np.int16)
    planes = from_numpy(np.array(_planes(array), order="C"))
    return planes.to(get_default_dtype()).div(255) if planes.dtype is uint8 else planes


def _planes(array):
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


#: Channels -> the modes that `to_pil_image` may be told to read them as; the first by itself.
_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
_GREY_MODES = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or array (H, W, C) as a Pillow image; floats times 255, but for mode "F".

    `mode` says what the channels mean where that is not grey, RGB or RGBA.
    """
    from PIL import Image

    if not isinstance(pic, Tensor | np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    array = pic
    if isinstance(pic, Tensor):
        array = pic.detach().cpu().numpy()
        array = array if array.ndim == 2 else array.transpose(1, 2, 0)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if np.issubdtype(array.dtype, np.floating) and mode != "F":
        array = (array * 255).astype(np.int32).astype(np.uint8)
    if channels == 1:
        array = array.reshape(array.shape[:2])
        expected = _GREY_MODES.get(array.dtype.name)
        if mode is not None and mode != expected:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {array.dtype}. Should be {expected}"
            )
    else:
        expected = _MODES[channels][0] if array.dtype == np.uint8 else None
        if mode is not None and mode not in _MODES[channels]:
            raise ValueError(
                f"Only modes {list(_MODES[channels])} are supported for {channels}D inputs"
            )
    if mode is None and expected is None:
        raise TypeError(f"Input type {array.dtype} is not supported")
    array = np.ascontiguousarray(array)
    if channels == 1 or mode in (None, "LA", "RGB", "RGBA"):
        return Image.fromarray(array.view(np.uint16) if expected == "I;16" else array)
    return Image.frombytes(mode, (array.shape[1], array.shape[0]), array.tobytes())


#: What the numbers of an integer dtype may not be made from: its greatest is no such float.
_UNSAFE = {(float32, int32), (float32, int64), (float64, int64)}


def convert_image_dtype(image, dtype=float32):
    """A tensor of another dtype, with its range: bytes to [0, 1] and back."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if (image.dtype, dtype) in _UNSAFE:
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        most = np.iinfo(dtype.name).max
        return image.mul(most + 1.0 - 1e-3).to(dtype)
    most = np.iinfo(image.dtype.name).max
    if dtype.is_floating_point:
        return image.to(dtype) / most
    wanted = np.iinfo(dtype.name).max
    if most > wanted:
        return image.div((most + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (most + 1))


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, channel by channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.shape}"
        )
    mean, std = (
        as_tensor(value, dtype=tensor.dtype, device=tensor.device) for value in (mean, std)
    )
    if ops.eq(std, 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero."
        )
    mean, std = (value.view(-1, 1, 1) if value.dim() == 1 else value for value in (mean, std))
    tensor = tensor if inplace else tensor.clone()
    return tensor.sub_(mean).div_(std)

"""From images to tensors and back, and what is done to their numbers."""

from . import functional as F
from .base import Transform


class ToTensor:
    """An image or an array (H, W) or (H, W, C) as a tensor (C, H, W); bytes scaled to [0, 1]."""

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return "ToTensor()"


class PILToTensor:
    """A Pillow image as a tensor (C, H, W) of its own numbers."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return "PILToTensor()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a Pillow image."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return "ToPILImage()" if self.mode is None else f"ToPILImage(mode={self.mode})"


class ConvertImageDtype(Transform):
    """A tensor of another dtype, with its range."""

    shown = ("dtype",)

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(image - mean) / std, channel by channel."""

    shown = ("mean", "std")

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)


class LinearTransformation(Transform):
    """A tensor less `mean_vector`, times `transformation_matrix`: whitening, for instance.

    The tensor (..., C, H, W) is taken as a row of C * H * W numbers.
    """

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        matrix, mean = transformation_matrix, mean_vector
        if matrix.size(0) != matrix.size(1):
            raise ValueError(
                "transformation_matrix should be square. Got "
                f"{tuple(matrix.shape)} rectangular matrix."
            )
        if mean.size(0) != matrix.size(0):
            raise ValueError(
                f"mean_vector should have the same length {mean.size(0)} as any one of the "
                f"dimensions of the transformation_matrix [{tuple(matrix.shape)}]"
            )
        for what in ("device", "dtype"):
            first, second = getattr(matrix, what), getattr(mean, what)
            if first != second:
                where = "be on the same device" if what == "device" else "have the same dtype"
                raise ValueError(f"Input tensors should {where}. Got {first} and {second}")
        self.transformation_matrix = matrix
        self.mean_vector = mean

    def forward(self, tensor):
        channels, height, width = tensor.shape[-3:]
        size = channels * height * width
        if size != self.transformation_matrix.size(0):
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{channels} x {height} x {width}] != {self.transformation_matrix.size(0)}"
            )
        rows = tensor.reshape(-1, size) - self.mean_vector
        return rows.mm(self.transformation_matrix.to(rows.dtype)).view(tensor.shape)

    def __repr__(self):
        return (
            f"LinearTransformation(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )

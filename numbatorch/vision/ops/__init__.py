"""Boxes and what detectors do with them, in torchvision's names."""

from . import boxes, losses, misc
from .boxes import (
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    generalized_box_iou,
    masks_to_boxes,
    nms,
    remove_small_boxes,
)
from .losses import generalized_box_iou_loss, sigmoid_focal_loss
from .misc import FrozenBatchNorm2d

__all__ = [
    "FrozenBatchNorm2d",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
    "sigmoid_focal_loss",
]

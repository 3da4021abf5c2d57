"""Boxes as rows (x1, y1, x2, y2), with x1 <= x2 and y1 <= y2: areas, overlaps, suppression."""

from ... import ops
from ...autograd import no_grad
from ...creation import arange, tensor, zeros
from ...dtypes import float32, float64, int32, int64


def _check(name, boxes):
    if boxes.dim() < 1 or boxes.shape[-1] != 4:
        raise ValueError(f"{name}(): boxes must have the shape (..., 4), got {tuple(boxes.shape)}")


def _wide(boxes):
    """The boxes in a dtype in which areas do not overflow."""
    if boxes.dtype.is_floating_point:
        return boxes if boxes.dtype in (float32, float64) else boxes.to(float32)
    return boxes if boxes.dtype in (int32, int64) else boxes.to(int32)


def box_area(boxes):
    """The areas (N,) of boxes (N, 4)."""
    _check("box_area", boxes)
    boxes = _wide(boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes (..., 4) in another format: "xyxy", "xywh" (corner and size) or "cxcywh" (centre and size).

    Raises ValueError for other formats.
    """
    _check("box_convert", boxes)
    for name in (in_fmt, out_fmt):
        if name not in ("xyxy", "xywh", "cxcywh"):
            raise ValueError(
                "Unsupported Bounding Box Conversions for given in_fmt and out_fmt: "
                f"{in_fmt!r} to {out_fmt!r}; formats are 'xyxy', 'xywh' and 'cxcywh'"
            )
    if in_fmt == out_fmt:
        return boxes.clone()
    first, second = boxes[..., :2], boxes[..., 2:]
    if in_fmt == "xywh":
        second = first + second
    elif in_fmt == "cxcywh":
        first, second = first - 0.5 * second, first + 0.5 * second
    if out_fmt == "xywh":
        second = second - first
    elif out_fmt == "cxcywh":
        first, second = (first + second) / 2, second - first
    return ops.cat([first, second], dim=-1)


def _intersection_and_union(boxes1, boxes2):
    _check("box_iou", boxes1)
    _check("box_iou", boxes2)
    corner = ops.maximum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    far_corner = ops.minimum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    size = _wide(far_corner - corner).clamp(min=0)
    intersection = size[..., 0] * size[..., 1]
    union = box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - intersection
    return intersection, union


def box_iou(boxes1, boxes2):
    """Intersection over union, (N, M), of each of N boxes with each of M."""
    intersection, union = _intersection_and_union(boxes1, boxes2)
    return intersection / union


def generalized_box_iou(boxes1, boxes2):
    """box_iou less the share of the smallest box around both that neither covers; from -1 to 1.

    Rezatofighi et al., "Generalized Intersection over Union", 2019.
    """
    intersection, union = _intersection_and_union(boxes1, boxes2)
    corner = ops.minimum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    far_corner = ops.maximum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    size = _wide(far_corner - corner).clamp(min=0)
    around = size[..., 0] * size[..., 1]
    return intersection / union - (around - union) / around


def clip_boxes_to_image(boxes, size):
    """Boxes (..., 4) cut at the borders of an image of `size` (height, width)."""
    _check("clip_boxes_to_image", boxes)
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return ops.stack([x, y], dim=-1).reshape(boxes.shape)


def remove_small_boxes(boxes, min_size):
    """The indices of the boxes (N, 4) both sides of which are at least `min_size`."""
    _check("remove_small_boxes", boxes)
    sizes = boxes[:, 2:] - boxes[:, :2]
    return (sizes >= min_size).all(dim=1).nonzero().flatten()


@no_grad()
def masks_to_boxes(masks):
    """The boxes (N, 4) from the first to the last pixel, inclusive, of masks (N, H, W)."""
    boxes = zeros((len(masks), 4), device=masks.device)
    for box, mask in zip(boxes, masks):
        y, x = (mask != 0).nonzero().unbind(1)
        for place, value in enumerate((x.min(), y.min(), x.max(), y.max())):
            box[place] = value
    return boxes


@no_grad()
def nms(boxes, scores, iou_threshold):
    """Non-maximum suppression: the indices of the boxes (N, 4) that stay, best score first.

    From the best box on, each one that stays removes all later ones whose intersection over union
    with it is greater than `iou_threshold`.
    """
    _check("nms", boxes)
    if boxes.dim() != 2 or scores.dim() != 1 or len(boxes) != len(scores):
        raise RuntimeError(
            "nms(): boxes should be (N, 4) and scores (N,), got "
            f"{tuple(boxes.shape)} and {tuple(scores.shape)}"
        )
    order = scores.argsort(stable=True, descending=True)
    boxes, places = boxes[order], arange(len(boxes), device=boxes.device)
    kept, left = [], places
    while len(left):
        best = int(left[0])
        kept.append(best)
        overlap = box_iou(boxes[best : best + 1], boxes[left[1:]])[0]
        left = left[1:][~(overlap > iou_threshold)]
    return order[tensor(kept, dtype=int64, device=order.device)]


@no_grad()
def batched_nms(boxes, scores, idxs, iou_threshold):
    """nms within each group of boxes: `idxs` (N,) says which, a class for instance."""
    _check("batched_nms", boxes)
    if boxes.numel() == 0:
        return zeros((0,), dtype=int64, device=boxes.device)
    # Each group is moved to a place of its own, where it meets no other.
    step = boxes.max() - boxes.min().clamp(max=0) + 1
    return nms(boxes + (idxs.to(boxes.dtype) * step)[:, None], scores, iou_threshold)

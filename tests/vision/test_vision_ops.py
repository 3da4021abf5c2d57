"""Boxes against loops in plain Python, and against torchvision where it is installed."""

import sys
from pathlib import Path

import numpy as np
import pytest

import numbatorch as nt
from numbatorch.vision import ops

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from oracle_torchvision import import_torchvision  # noqa: E402


def make_boxes(count, seed=0, dtype=np.float32, high=50):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, high, (count, 2))
    sizes = random.uniform(1, high / 2, (count, 2))
    return np.concatenate([corners, corners + sizes], axis=1).astype(dtype)


def plain_overlap(a, b):
    """(intersection, union, smallest box around) of two boxes."""
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    around = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return width * height, sum(areas) - width * height, around


def plain_nms(boxes, scores, threshold):
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        parts = [plain_overlap(boxes[i], boxes[j])[:2] for j in kept]
        if all(inner / union <= threshold for inner, union in parts):
            kept.append(i)
    return kept


def test_box_iou_by_a_loop():
    a, b = make_boxes(7, 1), make_boxes(5, 2)
    parts = np.array([[plain_overlap(p, q) for q in b.tolist()] for p in a.tolist()])
    inner, union, around = parts.transpose(2, 0, 1)
    assert 0 < (inner > 0).mean() < 1
    first, second = nt.tensor(a), nt.tensor(b)
    np.testing.assert_allclose(ops.box_iou(first, second).numpy(), inner / union, rtol=1e-4)
    np.testing.assert_allclose(
        ops.generalized_box_iou(first, second).numpy(),
        inner / union - (around - union) / around,
        rtol=1e-4,
        atol=1e-6,
    )
    assert ops.box_area(first).tolist() == pytest.approx(
        [plain_overlap(box, box)[0] for box in a.tolist()]
    )


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_nms_by_a_loop(threshold):
    boxes = make_boxes(60, 3)
    scores = np.random.default_rng(4).permutation(60).astype(np.float32)
    kept = ops.nms(nt.tensor(boxes), nt.tensor(scores), threshold)
    assert kept.dtype == nt.int64
    assert kept.tolist() == plain_nms(boxes.tolist(), scores.tolist(), threshold)


def test_nms_of_equal_scores_keeps_the_first():
    boxes = nt.tensor([[0.0, 0, 4, 4]] * 3 + [[10.0, 10, 14, 14]])
    assert ops.nms(boxes, nt.tensor([1.0, 1, 1, 2]), 0.5).tolist() == [3, 0]


def test_batched_nms_is_nms_of_every_group():
    boxes = make_boxes(60, 5) - 20
    scores = np.random.default_rng(6).permutation(60).astype(np.float32)
    groups = np.random.default_rng(7).integers(0, 3, 60)
    expected = []
    for group in range(3):
        members = np.flatnonzero(groups == group)
        kept = plain_nms(boxes[members].tolist(), scores[members].tolist(), 0.3)
        expected += members[kept].tolist()
    expected.sort(key=lambda i: -scores[i])
    found = ops.batched_nms(nt.tensor(boxes), nt.tensor(scores), nt.tensor(groups), 0.3)
    assert found.tolist() == expected
    together = ops.nms(nt.tensor(boxes), nt.tensor(scores), 0.3)
    assert len(together) < len(found)


def test_without_boxes():
    none = nt.zeros(0, 4)
    for kept in (
        ops.nms(none, nt.zeros(0), 0.5),
        ops.batched_nms(none, nt.zeros(0), nt.zeros(0, dtype=nt.int64), 0.5),
        ops.remove_small_boxes(none, 1),
    ):
        assert kept.dtype == nt.int64 and kept.shape == (0,)
    assert ops.box_iou(none, nt.ones(3, 4)).shape == (0, 3)
    assert ops.masks_to_boxes(nt.zeros(0, 5, 5)).shape == (0, 4)
    assert ops.generalized_box_iou_loss(none, none, "mean").item() == 0


def test_conversions_and_back():
    box = nt.tensor([[2.0, 3, 6, 11]])
    assert ops.box_convert(box, "xyxy", "xywh").tolist() == [[2, 3, 4, 8]]
    assert ops.box_convert(box, "xyxy", "cxcywh").tolist() == [[4, 7, 4, 8]]
    for first in ("xyxy", "xywh", "cxcywh"):
        for second in ("xyxy", "xywh", "cxcywh"):
            there = ops.box_convert(box, first, second)
            assert ops.box_convert(there, second, first).tolist() == box.tolist()
    assert ops.box_convert(box, "xyxy", "xyxy") is not box
    with pytest.raises(ValueError, match="Unsupported"):
        ops.box_convert(box, "xyxy", "yxyx")


def test_clipping_small_boxes_and_masks():
    boxes = nt.tensor([[-3.0, 2, 8, 30], [1, 1, 2, 9], [4, 4, 9, 9]])
    assert ops.clip_boxes_to_image(boxes, (20, 7)).tolist() == [
        [0, 2, 7, 20], [1, 1, 2, 9], [4, 4, 7, 9],
    ]  # fmt: skip
    assert ops.remove_small_boxes(boxes, 5).tolist() == [0, 2]
    masks = nt.zeros(2, 8, 9, dtype=nt.bool)
    masks[0, 2:5, 3:7] = True
    masks[1, 6, 1] = True
    assert ops.masks_to_boxes(masks).tolist() == [[3, 2, 6, 4], [1, 6, 1, 6]]


def test_losses_have_the_right_gradients():
    boxes = nt.tensor(make_boxes(6, 8), dtype=nt.float64, requires_grad=True)
    others = nt.tensor(make_boxes(6, 9), dtype=nt.float64)
    assert nt.autograd.gradcheck(lambda x: ops.generalized_box_iou_loss(x, others), boxes)
    logits = nt.linspace(-3, 3, 8, dtype=nt.float64).requires_grad_()
    targets = nt.tensor([0.0, 1] * 4, dtype=nt.float64)
    assert nt.autograd.gradcheck(lambda x: ops.sigmoid_focal_loss(x, targets), logits)
    plain = nt.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    assert nt.allclose(ops.sigmoid_focal_loss(logits, targets, -1, 0, "mean"), plain)


def test_bad_input():
    boxes = nt.zeros(3, 5)
    for call in (
        lambda: ops.box_area(boxes),
        lambda: ops.box_iou(boxes, boxes),
        lambda: ops.box_convert(boxes, "xyxy", "xywh"),
        lambda: ops.sigmoid_focal_loss(nt.zeros(2), nt.zeros(2), alpha=2),
        lambda: ops.sigmoid_focal_loss(nt.zeros(2), nt.zeros(2), reduction="all"),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(RuntimeError, match="nms"):
        ops.nms(nt.zeros(3, 4), nt.zeros(2), 0.5)


CASES = {
    "box_area": lambda ops, a, b: ops.box_area(a),
    "box_iou": lambda ops, a, b: ops.box_iou(a, b),
    "generalized_box_iou": lambda ops, a, b: ops.generalized_box_iou(a, b),
    "to cxcywh": lambda ops, a, b: ops.box_convert(a, "xyxy", "cxcywh"),
    "from cxcywh": lambda ops, a, b: ops.box_convert(a, "cxcywh", "xyxy"),
    "from xywh": lambda ops, a, b: ops.box_convert(a, "xywh", "cxcywh"),
    "clip_boxes_to_image": lambda ops, a, b: ops.clip_boxes_to_image(a, (30, 40)),
    "remove_small_boxes": lambda ops, a, b: ops.remove_small_boxes(a, 10),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int32", "uint8"])
@pytest.mark.parametrize("name", CASES)
def test_boxes_against_torchvision(name, dtype):
    torchvision = import_torchvision()
    import torch

    arrays = [make_boxes(n, seed, np.float64).astype(dtype) for n, seed in ((9, 10), (6, 11))]
    ours = CASES[name](ops, *map(nt.tensor, arrays))
    theirs = CASES[name](torchvision.ops, *map(torch.tensor, arrays))
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_against_torchvision(reduction):
    torchvision = import_torchvision()
    import torch

    a, b = make_boxes(9, 12), make_boxes(9, 13)
    logits, targets = a.ravel() / 20 - 1, (b.ravel() > 20).astype(np.float32)
    for name, arguments in {
        "generalized_box_iou_loss": (a, b),
        "sigmoid_focal_loss": (logits, targets),
    }.items():
        ours = getattr(ops, name)(*map(nt.tensor, arguments), reduction=reduction)
        theirs = getattr(torchvision.ops, name)(*map(torch.tensor, arguments), reduction=reduction)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)

"""Logs for TensorBoard, read back by its own reader."""

import pytest

import numbatorch as torch

pytest.importorskip("tensorboardX")


@pytest.mark.filterwarnings("ignore")
def test_what_is_written_is_read(tmp_path):
    from numbatorch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", torch.tensor(step / 2), step)
        writer.add_histogram("weights", torch.randn(10))
        writer.add_image("image", torch.rand(3, 8, 8))
        writer.add_text("text", "words")
        writer.add_pr_curve("curve", torch.tensor([0, 1, 1]), torch.rand(3))
        writer.add_graph(
            torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()), torch.ones(1, 3)
        )
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(event.step, event.value) for event in found.Scalars("loss")] == [
        (0, 0.0), (1, 0.5), (2, 1.0),
    ]  # fmt: skip
    assert found.Tags()["histograms"] == ["weights"] and found.Tags()["images"] == ["image"]
    nodes = {node.op for node in found.Graph().node}
    assert {"Parameter", "ReluBackward0", "AddmmBackward0", "output"} <= nodes

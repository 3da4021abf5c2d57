"""Tensors in memory that several processes see."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbatorch as torch
import numbatorch.multiprocessing as mp

ROOT = Path(__file__).resolve().parent.parent


def fill(index, tensor):
    tensor[index] = index + 1
    if index == 2:
        raise ValueError("the third fails")


def answer(queue, back, event):
    received = queue.get()
    received.add_(1)
    back.put(torch.full((2,), 7.0))
    event.wait(30)


def test_sharing_keeps_views_and_values():
    x = torch.arange(6.0).reshape(2, 3)
    view = x[1]
    assert not x.is_shared()
    assert x.share_memory_() is x and x.is_shared() and view.is_shared()
    view[0] = -1
    assert x[1, 0] == -1 and x.sum() == 11
    layer = torch.nn.Linear(2, 2).share_memory()
    assert all(p.is_shared() and isinstance(p, torch.nn.Parameter) for p in layer.parameters())


def test_a_forked_process_writes_into_shared_memory():
    x = torch.zeros(4)
    mp.start_processes(fill, (x.share_memory_(),), nprocs=2, start_method="fork")
    assert x.tolist() == [1.0, 2.0, 0.0, 0.0]


def test_tensors_through_queues():
    context = mp.get_context("fork")
    queue, back, event = context.Queue(), context.Queue(), context.Event()
    process = context.Process(target=answer, args=(queue, back, event))
    process.start()
    x = torch.zeros(3)
    queue.put(x)
    reply = back.get(timeout=30)
    event.set()
    process.join()
    assert x.tolist() == [1.0, 1.0, 1.0] and reply.tolist() == [7.0, 7.0]


def test_a_failure_comes_with_its_traceback():
    with pytest.raises(mp.ProcessRaisedException, match="the third fails") as caught:
        mp.start_processes(fill, (torch.zeros(4),), nprocs=3, start_method="fork")
    assert caught.value.error_index == 2
    assert not multiprocessing.active_children()


def test_results_of_a_graph_are_refused():
    x = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Cowardly refusing"):
        multiprocessing.reduction.ForkingPickler.dumps(x)


SPAWNING = """
import torch, torch.multiprocessing as mp
def fill(index, tensor):
    assert torch.__name__ == "numbatorch"
    tensor[index] = index + 1
if __name__ == "__main__":
    x = torch.zeros(2)
    mp.spawn(fill, (x,), nprocs=2)
    print(x.tolist())
"""


def test_spawned_processes_of_a_launched_script(tmp_path):
    (tmp_path / "program.py").write_text(SPAWNING)
    run = subprocess.run(
        [sys.executable, "-m", "numbatorch", str(tmp_path / "program.py")],
        capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert run.stdout == "[1.0, 2.0]\n", run.stderr


def test_empty_tensors_and_numpy_views():
    assert torch.zeros(0).share_memory_().is_shared() is False
    x = torch.from_numpy(np.arange(3.0))
    assert x.share_memory_().tolist() == [0.0, 1.0, 2.0]

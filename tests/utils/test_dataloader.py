"""DataLoader: PyTorch's batches in PyTorch's order, with and without worker processes."""

import collections
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import numbatorch as nt
from numbatorch.utils import data

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create:UserWarning",
    "ignore:.*multi-threaded, use of fork.*:DeprecationWarning",
)


class Squares:
    """A map dataset without a base class."""

    def __init__(self, size=23):
        self.size = size

    def __getitem__(self, index):
        return index, float(index * index)

    def __len__(self):
        return self.size


def counting_dataset(framework, stop=17, split=True):
    class Counting(framework.utils.data.IterableDataset):
        def __iter__(self):
            info = framework.utils.data.get_worker_info()
            if info is None or not split:
                return iter(range(stop))
            return iter(range(info.id, stop, info.num_workers))

        def __len__(self):
            return stop

    return Counting()


def listed(batch):
    if isinstance(batch, list | tuple):
        return [listed(item) for item in batch]
    return batch.tolist() if hasattr(batch, "tolist") else batch


def epochs(framework, dataset, count=2, **options):
    """The batches of some epochs, and what the default generator says afterwards."""
    framework.manual_seed(7)
    if options.pop("own_generator", False):
        options["generator"] = framework.Generator().manual_seed(9)
    loader = framework.utils.data.DataLoader(dataset, **options)
    seen = [[listed(batch) for batch in loader] for _ in range(count)]
    return seen, framework.rand(2).tolist()


OPTIONS = [
    {},
    {"batch_size": 4},
    {"batch_size": 4, "shuffle": True},
    {"batch_size": 4, "shuffle": True, "drop_last": True},
    {"batch_size": 4, "shuffle": True, "own_generator": True},
    {"batch_size": None},
    {"batch_size": None, "shuffle": True},
    {"sampler": [3, 1, 2], "batch_size": 2},
    {"batch_sampler": [[3, 1], [2]]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_same_batches_as_pytorch(options):
    assert epochs(nt, Squares(), **options) == epochs(torch, Squares(), **options)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("options", [OPTIONS[3], OPTIONS[4], OPTIONS[6]], ids=str)
def test_workers_give_the_same(options, persistent, workers):
    multi = {**options, "num_workers": workers, "persistent_workers": persistent}
    single_seen, _ = epochs(nt, Squares(), **options)
    seen, after = epochs(nt, Squares(), **multi)
    assert (seen, after) == epochs(torch, Squares(), **multi)
    if not persistent:
        assert seen == single_seen


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4},
        {"batch_size": 4, "drop_last": True},
        {"batch_size": None},
        {"batch_size": 3, "num_workers": 2},
        {"batch_size": 3, "num_workers": 2, "persistent_workers": True, "prefetch_factor": 1},
        {"batch_size": None, "num_workers": 2},
    ],
    ids=str,
)
def test_iterable_datasets(options):
    mine = epochs(nt, counting_dataset(nt), **options)
    assert mine == epochs(torch, counting_dataset(torch), **options)


def test_length():
    assert len(data.DataLoader(Squares(), batch_size=4)) == 6
    assert len(data.DataLoader(Squares(), batch_size=4, drop_last=True)) == 5
    assert len(data.DataLoader(Squares(), batch_size=None)) == 23
    counting = counting_dataset(nt)
    assert len(data.DataLoader(counting, batch_size=4)) == 5
    assert len(data.DataLoader(counting, batch_size=4, drop_last=True)) == 4
    assert len(data.DataLoader(counting, batch_size=None)) == 17
    assert len(iter(data.DataLoader(Squares(), batch_size=4))) == 6


def test_more_items_than_the_length_promised():
    loader = data.DataLoader(counting_dataset(nt, split=False), batch_size=None, num_workers=2)
    assert len(loader) == 17
    with pytest.warns(UserWarning, match="was reported to be 17"):
        assert len(list(loader)) == 34


def test_own_collate_function_and_tensors():
    dataset = data.TensorDataset(nt.arange(6.0), nt.arange(6))
    loader = data.DataLoader(dataset, batch_size=3, collate_fn=lambda batch: len(batch))
    assert list(loader) == [3, 3]
    for workers in (0, 1):
        values, labels = next(iter(data.DataLoader(dataset, batch_size=4, num_workers=workers)))
        assert values.dtype == nt.float32
        assert values.tolist() == [0.0, 1.0, 2.0, 3.0]
        assert labels.tolist() == [0, 1, 2, 3]


class WorkerFacts:
    """What a worker process knows about itself."""

    def __init__(self, framework):
        self.framework = framework

    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = self.framework.utils.data.get_worker_info()
        return (
            info.id,
            info.num_workers,
            info.seed,
            random.random(),
            np.random.rand(),
            self.framework.rand(()).item(),
            self.framework.get_num_threads(),
        )


def test_workers_have_pytorchs_seeds():
    mine = epochs(nt, WorkerFacts(nt), num_workers=2, batch_size=None)
    theirs = epochs(torch, WorkerFacts(torch), num_workers=2, batch_size=None)
    assert mine == theirs
    assert {facts[0] for facts in mine[0][0]} == {0, 1}
    assert {facts[-1] for facts in mine[0][0]} == {1}
    assert data.get_worker_info() is None


def test_worker_init_fn():
    def init(worker_id):
        nt.worker_mark = worker_id + 100

    class Marks(Squares):
        def __getitem__(self, index):
            return nt.worker_mark

    loader = data.DataLoader(Marks(4), num_workers=2, worker_init_fn=init)
    assert [batch.tolist() for batch in loader] == [[100], [101], [100], [101]]


class Failing(Squares):
    def __init__(self, error):
        super().__init__(8)
        self.error = error

    def __getitem__(self, index):
        if index == 5:
            raise self.error
        return index


class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError("bad"), ValueError), (KeyError("bad"), KeyError)]
)
def test_errors_of_a_worker_come_with_their_traceback(error, kind):
    loader = data.DataLoader(Failing(error), batch_size=2, num_workers=2)
    with pytest.raises(kind) as caught:
        list(loader)
    text = str(caught.value)
    assert f"Caught {kind.__name__} in DataLoader worker process 0.\nOriginal Traceback" in text
    assert "raise self.error" in text


def test_errors_that_cannot_be_rebuilt():
    loader = data.DataLoader(Failing(Odd(1, 2)), batch_size=2, num_workers=1)
    with pytest.raises(RuntimeError, match="Caught Odd in DataLoader worker process 0"):
        list(loader)


def test_errors_of_worker_init_fn():
    def fail(worker_id):
        raise ValueError("cannot start")

    loader = data.DataLoader(Squares(), num_workers=1, worker_init_fn=fail)
    with pytest.raises(ValueError, match="cannot start"):
        next(iter(loader))


class Slow(Squares):
    def __getitem__(self, index):
        time.sleep(60)


class Dying(Squares):
    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_timeout():
    iterator = iter(data.DataLoader(Slow(), num_workers=1, timeout=0.2))
    with pytest.raises(RuntimeError, match="timed out after 0.2 seconds"):
        next(iterator)
    for process in iterator._pool._processes:
        process.terminate()


def test_a_worker_that_dies_is_noticed():
    with pytest.raises(RuntimeError, match=r"worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(data.DataLoader(Dying(), num_workers=1))


def test_workers_end_with_their_iterator():
    loader = data.DataLoader(Squares(200), num_workers=2)
    iterator = iter(loader)
    next(iterator)
    processes = list(iterator._pool._processes)
    assert all(process.is_alive() for process in processes)
    del iterator
    assert not any(process.is_alive() for process in processes)


def test_persistent_workers_stay_even_after_a_break():
    loader = data.DataLoader(Squares(40), num_workers=2, persistent_workers=True)
    for _ in loader:
        break
    before = [process.pid for process in loader._iterator._pool._processes]
    assert [listed(batch)[0][0] for batch in loader] == list(range(40))
    assert [process.pid for process in loader._iterator._pool._processes] == before


def test_batches_as_they_arrive():
    class Uneven(Squares):
        def __getitem__(self, index):
            time.sleep(0.3 if index == 0 else 0.0)
            return index

    loader = data.DataLoader(Uneven(12), batch_size=1, num_workers=2, in_order=False)
    order = [batch.item() for batch in loader]
    assert sorted(order) == list(range(12))
    assert order[0] != 0


class Wide:
    """Samples that are large enough to travel in shared memory, and parts of large ones."""

    def __init__(self, framework, size=200_000):
        self.framework = framework
        self.rows = framework.arange(8.0 * size).reshape(8, size)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"whole": self.rows[index] * 2, "row": self.rows[index], "few": self.rows[index, :3]}


@pytest.mark.parametrize("batch_size", [None, 3])
def test_large_batches_travel_in_shared_memory(batch_size):
    options = {"batch_size": batch_size, "num_workers": 2}
    mine = list(data.DataLoader(Wide(nt), **options))
    theirs = list(torch.utils.data.DataLoader(Wide(torch), **options))
    for ours, expected in zip(mine, theirs, strict=True):
        for name, value in expected.items():
            np.testing.assert_array_equal(ours[name].numpy(), value.numpy())
            assert ours[name].is_shared() == (name != "few")
    mine[0]["row"].zero_()  # what came belongs to the receiver
    assert mine[0]["whole"].sum() != 0


def test_gradients_of_samples_need_no_graph():
    class Leaves(Squares):
        def __getitem__(self, index):
            return nt.full((200_000,), float(index), requires_grad=True)

    for x in data.DataLoader(Leaves(2), batch_size=None, num_workers=1):
        assert x.requires_grad and x.is_leaf

    class Results(Squares):
        def __getitem__(self, index):
            return nt.ones(3, requires_grad=True) * 2

    loader = data.DataLoader(Results(2), batch_size=None, num_workers=1, timeout=20)
    with pytest.raises(RuntimeError, match="Cowardly refusing"):
        list(loader)


Point = collections.namedtuple("Point", ["x", "y"])


class Nested(Squares):
    def __getitem__(self, index):
        return {
            "point": Point(index, [float(index), str(index)]),
            "array": np.full((2, 2), index, np.int16),
            "flag": index % 2 == 0,
        }


@pytest.mark.parametrize("workers", [0, 2])
def test_nested_samples(workers):
    for batch in data.DataLoader(Nested(6), batch_size=3, num_workers=workers):
        assert type(batch["point"]) is Point
        first = batch["point"].x
        assert batch["point"].y[0].tolist() == first.tolist()
        assert batch["point"].y[1] == tuple(map(str, first.tolist()))
        assert batch["array"].dtype == nt.int16 and batch["array"].shape == (3, 2, 2)
        assert batch["flag"].tolist() == [i % 2 == 0 for i in first.tolist()]


@pytest.mark.parametrize("factor", [1, 3])
def test_as_many_batches_are_fetched_ahead_as_asked(factor, tmp_path):
    class Noting(Squares):
        def __getitem__(self, index):
            (tmp_path / str(index)).touch()
            return index

    loader = data.DataLoader(Noting(20), batch_size=1, num_workers=2, prefetch_factor=factor)
    iterator = iter(loader)
    deadline = time.monotonic() + 30
    while len(os.listdir(tmp_path)) < 2 * factor and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(os.listdir(tmp_path)) == 2 * factor
    next(iterator)
    while len(os.listdir(tmp_path)) < 2 * factor + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir(tmp_path)) == 2 * factor + 1


INTERRUPTED = """
import os, sys, time, warnings
warnings.simplefilter("ignore")
from numbatorch.utils.data import DataLoader

class Slow:
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        time.sleep(0.01)
        return index

loader = DataLoader(Slow(), num_workers=2, persistent_workers={persistent})
for number, batch in enumerate(loader):
    if number == 0:
        print("ready", flush=True)
"""


def interrupted(script, text):
    """What a script writes to stderr that is interrupted, with its workers, when it is ready."""
    script.write_text(text)
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return errors


@pytest.mark.parametrize("persistent", [False, True])
def test_an_interrupt_ends_everything(persistent, tmp_path):
    """Ctrl-C reaches all processes of the terminal's group; one traceback, and nobody is left."""
    errors = interrupted(tmp_path / "train.py", INTERRUPTED.format(persistent=persistent))
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")


def test_an_interrupt_of_starting_workers_is_reported_once(tmp_path):
    """Workers that have not begun to serve when Ctrl-C comes end without a word."""
    slow_start = "import os, time; os.register_at_fork(after_in_child=lambda: time.sleep(0.5))\n"
    text = slow_start + INTERRUPTED.format(persistent=False).replace(
        "for number", "loader = iter(loader)\nprint('ready', flush=True)\nfor number"
    )
    errors = interrupted(tmp_path / "train.py", text)
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.slow
def test_spawned_workers():
    dataset = data.TensorDataset(nt.arange(6.0))
    loader = data.DataLoader(dataset, batch_size=3, num_workers=1, multiprocessing_context="spawn")
    assert listed(list(loader)) == [[[0.0, 1.0, 2.0]], [[3.0, 4.0, 5.0]]]


def test_frozen_attributes():
    loader = data.DataLoader(Squares())
    with pytest.raises(ValueError, match="batch_size attribute should not be set"):
        loader.batch_size = 3
    loader.num_workers = 0
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        iter(loader).__getstate__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified"),
        ({"prefetch_factor": -2, "num_workers": 1}, "prefetch_factor option should be non-neg"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [1], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
        ({"multiprocessing_context": "no", "num_workers": 1}, "a valid start method"),
    ],
)
def test_option_errors(options, message):
    with pytest.raises(ValueError, match=message):
        data.DataLoader(Squares(), **options)


def test_more_option_errors():
    with pytest.raises(TypeError, match="a valid context object"):
        data.DataLoader(Squares(), num_workers=1, multiprocessing_context=3)
    for name, value in {"shuffle": True, "sampler": [1], "batch_sampler": [[1]]}.items():
        with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
            data.DataLoader(counting_dataset(nt), **{name: value})
    with pytest.raises(AssertionError, match="requires timeout == 0"):
        iter(data.DataLoader(Squares(), timeout=3))


def test_warning_about_many_workers():
    with pytest.warns(UserWarning, match="will create 1000 worker processes"):
        data.DataLoader(Squares(), num_workers=1000)


def test_rows_of_tensors_are_gathered_like_items():
    """All rows of a batch at once, where items are rows; one by one where they are not."""
    x, y = nt.arange(24.0).reshape(12, 2), nt.arange(12)
    whole = data.TensorDataset(x, y)
    subset = data.Subset(data.Subset(whole, range(10, 0, -1)), [0, 3, -1, 2])
    for dataset in (whole, subset):
        for batch, slow in zip(
            data.DataLoader(dataset, 3),
            data.DataLoader(dataset, 3, collate_fn=lambda items: data.default_collate(items)),
        ):
            assert type(batch) is list
            for a, b in zip(batch, slow):
                assert nt.equal(a, b) and a.dtype is b.dtype and a.stride() == b.stride()
    followed = data.TensorDataset(x.clone().requires_grad_(), y)
    (first, _) = next(iter(data.DataLoader(followed, 2)))
    assert first.requires_grad
    turned = data.TensorDataset(x.t(), nt.arange(2))
    (first, _) = next(iter(data.DataLoader(turned, 2)))
    assert nt.equal(first, x.t()) and first.is_contiguous()
    with pytest.raises(IndexError):
        list(data.DataLoader(whole, 2, sampler=[3, 12]))

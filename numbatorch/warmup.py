"""`python -m numbatorch warmup`: fill the disk cache with the kernels that programs use.

Worker processes run every op's samples forward and backward, and a training step of the usual
networks; what they compile is kept, so that a program's first step need not wait for it.
"""

import argparse
import functools
import multiprocessing
import os
import time

from tqdm import tqdm

from . import config, cpu_target, dtypes, kernel_cache, op_samples, optim
from . import nn as _nn
from .creation import zeros
from .graph import Value
from .ops.registry import FUNCTIONS
from .random_tensors import randint, randn, randn_like

functional = _nn.functional


# Training steps -----------------------------------------------------------------------------------


def _step(model, x, y, optimizer):
    """Two steps: the first finds the optimizer's state empty."""
    for _ in range(2):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def perceptron():
    """Linear layers with ReLU and dropout."""
    model = _nn.Sequential(
        _nn.Linear(784, 128), _nn.ReLU(), _nn.Dropout(0.5), _nn.Linear(128, 10), _nn.LogSoftmax(1)
    )
    for optimizer in (optim.SGD, optim.Adam, optim.AdamW, optim.Adadelta, optim.RMSprop):
        _step(model, randn(64, 784), randint(0, 10, (64,)), optimizer(model.parameters()))
    momentum = optim.SGD(model.parameters(), 0.01, momentum=0.9)
    _step(model, randn(64, 784), randint(0, 10, (64,)), momentum)


def regression():
    """One linear layer under the losses of regressions."""
    model = _nn.Linear(2, 1)
    for loss in (functional.mse_loss, functional.binary_cross_entropy_with_logits):
        loss(model(randn(100, 2)), zeros(100, 1)).backward()
        optim.SGD(model.parameters(), 0.01).step()


def convolutional():
    """Convolutions of 3x3 and 5x5 with pooling and batch normalization."""
    model = _nn.Sequential(
        _nn.Conv2d(1, 32, 3), _nn.BatchNorm2d(32), _nn.ReLU(), _nn.Conv2d(32, 64, 3), _nn.ReLU(),
        _nn.MaxPool2d(2), _nn.Dropout(0.25), _nn.Conv2d(64, 16, 5), _nn.AvgPool2d(2),
        _nn.Conv2d(16, 16, 1, stride=2), _nn.Flatten(), _nn.Linear(64, 10),
    )  # fmt: skip
    x, y = randn(16, 1, 28, 28), randint(0, 10, (16,))
    _step(model, x, y, optim.Adadelta(model.parameters()))
    model.eval()
    model(x)


def recurrent():
    """Embedding, LSTM, GRU."""
    embedding = _nn.Embedding(65, 32)
    for kind in (_nn.LSTM, _nn.GRU, _nn.RNN):
        layer, head = kind(32, 32, 2, batch_first=True), _nn.Linear(32, 65)
        hidden = layer(embedding(randint(0, 65, (8, 16))))[0]
        functional.cross_entropy(head(hidden).flatten(0, 1), randint(0, 65, (128,))).backward()


def transformer():
    """An encoder layer with attention."""
    for first in (True, False):
        layer = _nn.TransformerEncoderLayer(
            64, 4, 128, batch_first=True, norm_first=first, activation="gelu"
        )
        layer(randn(4, 16, 64, requires_grad=True)).sum().backward()


def large_elementwise():
    """The launcher that splits kernels over threads."""
    cpu_target.parallel_launcher()


STEPS = {
    step.__name__: step
    for step in (
        convolutional, recurrent, transformer, perceptron, regression, large_elementwise,
    )
}  # fmt: skip


# Jobs ---------------------------------------------------------------------------------------------


def _differentiate(results):
    """Run backward from everything that has a gradient."""
    results = results if isinstance(results, list | tuple) else (results,)
    for x in results:
        if isinstance(x, Value) and x.requires_grad and not x.dtype.is_complex:
            FUNCTIONS["mul"](x, randn_like(x)).sum().backward(retain_graph=True)


@functools.cache
def _rows():
    return {name: (function, generate) for name, function, generate in op_samples.rows()}


def run_job(job):
    """Run a step, or an op's samples in a dtype; what went wrong, or None."""
    kind, name = job
    try:
        if kind == "step":
            STEPS[name]()
        else:
            function, generate = _rows()[name]
            for sample in generate(op_samples.Maker(dtype=getattr(dtypes, kind))):
                _differentiate(op_samples.call(function, sample))
    except Exception as error:  # noqa: BLE001  the others go on
        return f"{name}, {kind}: {type(error).__name__}: {str(error).splitlines()[0]}"


def jobs(names, kinds):
    """What to run, longest first."""
    steps = [("step", name) for name in STEPS if not names or name in names]
    table = [name for name in _rows() if not names or name in names]
    return steps + [(kind, name) for kind in kinds for name in table]


def main(arguments):
    """Fill the cache; returns an exit status."""
    parser = argparse.ArgumentParser("python -m numbatorch warmup", description=__doc__)
    parser.add_argument("names", nargs="*", help="ops and steps; all where none is named")
    parser.add_argument("--jobs", type=int, default=config.initial_thread_count())
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    options = parser.parse_args(arguments)
    todo = jobs(options.names, options.dtypes)
    if not todo:
        parser.error(f"there is no op or step called {' or '.join(options.names)}")
    before, start, wrong = _cached(), time.perf_counter(), []
    os.environ["NUMBATORCH_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for error in tqdm(pool.imap_unordered(run_job, todo), total=len(todo), desc="compiling"):
            if error is not None:
                wrong.append(error)
    print(
        f"{_cached() - before} kernels compiled in {time.perf_counter() - start:.0f} s, "
        f"{_cached()} in {config.CACHE_DIR}"
    )
    for error in wrong:
        print(error)
    return 1 if wrong else 0


def _cached():
    return sum(1 for _ in config.CACHE_DIR.glob(f"*{kernel_cache.SUFFIX}"))

"""Single kernels, ours beside PyTorch's: `python benchmarks/kernels.py`.

The frameworks take turns in processes of their own, since in one process their thread pools would
spin against each other. A process times every row, the median of its calls; the table shows the
medians over the processes, and their ratio. On one thread it is processor time that counts, which
other work on the machine disturbs least. Absolute times are not comparable from one run to another.
"""

import argparse
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

#: (family, row, setup): setup(torch) returns the function to time.
ROWS = []


def row(family, name):
    def add(setup):
        ROWS.append((family, name, setup))
        return setup

    return add


# Products ----------------------------------------------------------------------------------------


def product(rows, depth, columns, transpose=""):
    """a @ b; `transpose` names the operands that lie transposed in memory."""

    def setup(torch):
        a = torch.randn(depth, rows).t() if "a" in transpose else torch.randn(rows, depth)
        b = torch.randn(columns, depth).t() if "b" in transpose else torch.randn(depth, columns)
        return lambda: torch.mm(a, b)

    return setup


for _size in (8, 16, 32, 64, 128, 256, 512, 1024, 2048):
    row("GEMM", f"{_size} x {_size} x {_size}")(product(_size, _size, _size))
for _batch, _in, _out in ((64, 784, 128), (256, 1024, 1024), (1024, 128, 512)):
    _label = f"Linear {_batch} x {_in} x {_out}"
    row("GEMM", f"{_label}, forward")(product(_batch, _in, _out, "b"))
    row("GEMM", f"{_label}, input gradient")(product(_batch, _out, _in))
    row("GEMM", f"{_label}, weight gradient")(product(_out, _batch, _in, "a"))


@row("GEMM", "64 batches of 64 x 32 x 64")
def _(torch):
    a, b = torch.randn(64, 64, 32), torch.randn(64, 32, 64)
    return lambda: torch.bmm(a, b)


# Convolutions ------------------------------------------------------------------------------------


def convolution(dims, batch, channels, outs, size, kernel, options, wanted):
    def setup(torch):
        function = getattr(torch.nn.functional, f"conv{dims}d")
        groups = options.get("groups", 1)
        x = torch.randn(batch, channels, *[size] * dims)
        weight = torch.randn(outs, channels // groups, *[kernel] * dims)
        bias = torch.randn(outs)
        if wanted == "forward":
            return lambda: function(x, weight, bias, **options)
        target = (x if wanted == "input gradient" else weight).requires_grad_()
        y = function(x, weight, bias, **options)
        grad = torch.randn(*y.shape)
        return lambda: torch.autograd.grad(y, target, grad, retain_graph=True)

    return setup


for _label, _dims, _batch, _channels, _outs, _size, _kernel, _options in (
    ("3x3, 64 channels, 56 px", 2, 8, 64, 64, 56, 3, {"padding": 1}),
    ("3x3, 128 channels, 28 px", 2, 8, 128, 128, 28, 3, {"padding": 1}),
    ("3x3, 512 channels, 7 px", 2, 8, 512, 512, 7, 3, {"padding": 1}),
    ("MNIST 1->32, 28 px", 2, 64, 1, 32, 28, 3, {}),
    ("MNIST 32->64, 26 px", 2, 64, 32, 64, 26, 3, {}),
    ("LeNet 3->6, 5x5, 32 px", 2, 32, 3, 6, 32, 5, {}),
    ("LeNet 6->16, 5x5, 14 px", 2, 32, 6, 16, 14, 5, {}),
    ("1x1, 256->64, 14 px", 2, 32, 256, 64, 14, 1, {}),
    ("1x1, 64->256, 14 px", 2, 32, 64, 256, 14, 1, {}),
    ("3x3 stride 2, 64->128, 56 px", 2, 8, 64, 128, 56, 3, {"padding": 1, "stride": 2}),
    ("1x1 stride 2, 64->128, 56 px", 2, 8, 64, 128, 56, 1, {"stride": 2}),
    ("depthwise 3x3, 64 channels, 56 px", 2, 8, 64, 64, 56, 3, {"padding": 1, "groups": 64}),
    ("1d, 64->64, 5, 1024 long", 1, 8, 64, 64, 1024, 5, {"padding": 2}),
):
    for _wanted in ("forward", "input gradient", "weight gradient"):
        row("Convolution", f"{_label}, {_wanted}")(
            convolution(_dims, _batch, _channels, _outs, _size, _kernel, _options, _wanted)
        )

# Elementwise -------------------------------------------------------------------------------------


def elementwise(name, count, operands=1):
    def setup(torch):
        function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        inputs = [torch.rand(count) + 0.5 for _ in range(operands)]
        return lambda: function(*inputs)

    return setup


for _count, _size in ((1_000_000, "1M"), (16_000_000, "16M")):
    row("Elementwise", f"add, {_size}")(elementwise("add", _count, 2))
    row("Elementwise", f"relu, {_size}")(elementwise("relu", _count))
    row("Elementwise", f"exp, {_size}")(elementwise("exp", _count))
for _name in ("log", "tanh", "sigmoid", "gelu", "sin", "cos", "erf", "sqrt"):
    row("Elementwise", f"{_name}, 1M")(elementwise(_name, 1_000_000))
row("Elementwise", "pow, 1M")(elementwise("pow", 1_000_000, 2))


@row("Elementwise", "add a row to 1000x1000")
def _(torch):
    x, y = torch.randn(1000, 1000), torch.randn(1000)
    return lambda: x + y


@row("Elementwise", "copy of a transposed 1000x1000")
def _(torch):
    x = torch.randn(1000, 1000)
    return lambda: x.t().contiguous()


@row("Elementwise", "exp, 1M, float64")
def _(torch):
    x = torch.rand(1_000_000, dtype=torch.float64)
    return lambda: torch.exp(x)


# Reductions and rows -----------------------------------------------------------------------------


def over(shape, function):
    """function(torch, x) on a random tensor."""

    def setup(torch):
        x = torch.randn(*shape)
        return lambda: function(torch, x)

    return setup


for _name, _shape, _function in (
    ("sum, 16M", (16_000_000,), lambda torch, x: x.sum()),
    ("sum over rows, 4096x1000", (4096, 1000), lambda torch, x: x.sum(0)),
    ("mean over columns, 4096x1000", (4096, 1000), lambda torch, x: x.mean(1)),
    ("argmax over columns, 4096x1000", (4096, 1000), lambda torch, x: x.argmax(1)),
    ("softmax, 4096x1000", (4096, 1000), lambda torch, x: x.softmax(1)),
    ("log_softmax, 4096x1000", (4096, 1000), lambda torch, x: x.log_softmax(1)),
    (
        "layer norm, 4096x768",
        (4096, 768),
        lambda torch, x: torch.nn.functional.layer_norm(x, [768]),
    ),
    (
        "batch norm, 32x64x56x56",
        (32, 64, 56, 56),
        lambda torch, x: torch.nn.functional.batch_norm(x, None, None, training=True),
    ),
    (
        "max-pool 2, 32x64x56x56",
        (32, 64, 56, 56),
        lambda torch, x: torch.nn.functional.max_pool2d(x, 2),
    ),
    (
        "average pool 2, 32x64x56x56",
        (32, 64, 56, 56),
        lambda torch, x: torch.nn.functional.avg_pool2d(x, 2),
    ),
    ("dropout, 1M", (1_000_000,), lambda torch, x: torch.nn.functional.dropout(x, 0.5)),
    ("cumsum, 1000x1000", (1000, 1000), lambda torch, x: x.cumsum(1)),
    ("sort, 1M", (1_000_000,), lambda torch, x: x.sort()),
):
    row("Rows and reductions", _name)(over(_shape, _function))


@row("Rows and reductions", "cross-entropy, 4096x1000, with its gradient")
def _(torch):
    x, y = torch.randn(4096, 1000).requires_grad_(), torch.randint(0, 1000, (4096,))
    return lambda: torch.autograd.grad(torch.nn.functional.cross_entropy(x, y), x)


@row("Rows and reductions", "layer norm, 4096x768, with its gradient")
def _(torch):
    x, norm = torch.randn(4096, 768).requires_grad_(), torch.nn.LayerNorm(768)
    grad = torch.randn(4096, 768)
    return lambda: torch.autograd.grad(norm(x), [x, norm.weight, norm.bias], grad)


for _name in ("rand", "randn"):

    @row("Random", f"{_name}, 1M")
    def _(torch, name=_name):
        return lambda: getattr(torch, name)(1_000_000)


# Training ----------------------------------------------------------------------------------------


@row("Training", "Adam, 1M parameters in 10 tensors")
def _(torch):
    parameters = [torch.randn(100_000).requires_grad_() for _ in range(10)]
    for x in parameters:
        x.grad = torch.randn(100_000)
    return torch.optim.Adam(parameters).step


@row("Training", "embedding 10000x128, 4096 indices, with its gradient")
def _(torch):
    weight = torch.randn(10_000, 128).requires_grad_()
    index, grad = torch.randint(0, 10_000, (4096,)), torch.randn(4096, 128)
    embed = torch.nn.functional.embedding
    return lambda: torch.autograd.grad(embed(index, weight), weight, grad)


for _kind in ("LSTM", "GRU", "RNN"):

    @row("Training", f"{_kind} 128 wide, 64 steps, batch 32, with its gradient")
    def _(torch, kind=_kind):
        network = getattr(torch.nn, kind)(128, 128)
        x, grad = torch.randn(64, 32, 128).requires_grad_(), torch.randn(64, 32, 128)
        targets = [x, *network.parameters()]
        return lambda: torch.autograd.grad(network(x)[0], targets, grad)


for _batch, _heads, _length, _width, _causal in ((16, 4, 64, 32, True), (1, 8, 1024, 64, False)):
    _label = f"attention {_batch}x{_heads}x{_length}x{_width}" + ", causal" * _causal

    @row("Training", f"{_label}, with its gradient")
    def _(torch, shape=(_batch, _heads, _length, _width), causal=_causal):
        inputs = [torch.randn(*shape).requires_grad_() for _ in range(3)]
        attend = torch.nn.functional.scaled_dot_product_attention
        grad = torch.randn(*shape)
        return lambda: torch.autograd.grad(attend(*inputs, is_causal=causal), inputs, grad)


# Measuring ---------------------------------------------------------------------------------------


def times(framework, seconds, threads, wanted):
    """{row: median ms} in this process."""
    torch = importlib.import_module(framework)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    clock = time.process_time if threads == 1 else time.perf_counter
    found = {}
    for family, name, setup in ROWS:
        if wanted in f"{family}: {name}":
            function = setup(torch)
            function()
            calls, end = [], time.perf_counter() + seconds
            while time.perf_counter() < end or len(calls) < 5:
                start = clock()
                function()
                calls.append(clock() - start)
            found[name] = statistics.median(calls) * 1e3
    return found


def measure(framework, options, threads):
    """`times` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--framework", framework, "--threads", str(threads),
         "--seconds", str(options.seconds), "--match", options.match],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{framework}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(options, threads):
    """{row: (ours, PyTorch's)} in ms, medians over the rounds."""
    runs = {"numbatorch": [], "torch": []}
    for _ in range(options.rounds):
        for framework, found in runs.items():
            found.append(measure(framework, options, threads))
    return {
        name: tuple(statistics.median(run[name] for run in found) for found in runs.values())
        for name in runs["torch"][0]
    }


def table(results):
    """The rows of every family; a family's name has the geometric mean of its ratios."""
    counts = list(results)
    lines = [
        "Median ms of a call, ours and PyTorch's, and ours / PyTorch's (below 1 is faster); on one",
        "thread, ms of processor time.",
        "",
        "| kernel | " + " | ".join(f"ours, {n} thr. | PyTorch | ratio" for n in counts) + " |",
        "| --- |" + " ---: |" * (3 * len(counts)),
    ]
    for family in dict.fromkeys(family for family, _, _ in ROWS):
        names = [n for f, n, _ in ROWS if f == family and n in results[counts[0]]]
        if not names:
            continue
        means = [
            math.exp(statistics.mean(math.log(results[c][n][0] / results[c][n][1]) for n in names))
            for c in counts
        ]
        lines.append(f"| **{family}** | " + " | ".join(f"| | **{m:.2f}**" for m in means) + " |")
        for name in names:
            cells = [
                f"{ours:.3f} | {theirs:.3f} | {ours / theirs:.2f}"
                for ours, theirs in (results[c][name] for c in counts)
            ]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="only rows with this in 'family: row'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="for a row in a process")
    parser.add_argument("--threads", type=int, help="one and all, where it is not said")
    parser.add_argument("--write", action="store_true", help="keep the table in results/kernels.md")
    parser.add_argument("--framework", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.framework:
        found = times(options.framework, options.seconds, options.threads, options.match)
        print(json.dumps(found))
        return
    counts = [options.threads] if options.threads else sorted({1, os.cpu_count()})
    text = table({count: compare(options, count) for count in counts})
    print(text)
    if options.write:
        (HERE / "results" / "kernels.md").write_text(text)


if __name__ == "__main__":
    main()

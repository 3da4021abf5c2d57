"""Beside PyTorch on a card, in one run: bandwidth, kernels, training steps with and without a graph.

    python benchmarks/gpu.py            # writes benchmarks/results/gpu.md
    NUMBA_ENABLE_CUDASIM=1 python benchmarks/gpu.py --tiny    # tries the script without a card

Ours and PyTorch's runs alternate; times are the least of `--rounds`, by events of the device. Where
PyTorch has no CUDA, its column stays empty.
"""

import argparse
import platform
from pathlib import Path

import numbatorch

RESULTS = Path(__file__).parent / "results" / "gpu.md"


def libraries():
    """numbatorch, and PyTorch where it sees a card."""
    try:
        import torch
    except ImportError:
        return [numbatorch]
    return [numbatorch, torch] if torch.cuda.is_available() else [numbatorch]


# What is measured: functions of a library and of whether sizes are tiny, that return a function to time


def copy(torch, tiny):
    x = torch.randn(64 if tiny else 1 << 26, device="cuda")
    y = torch.empty_like(x)
    return lambda: y.copy_(x)


def elementwise(torch, tiny):
    x = torch.randn(64 if tiny else 1 << 26, device="cuda")
    return lambda: torch.nn.functional.gelu(x)


def addition(torch, tiny):
    x = torch.randn(64 if tiny else 1 << 26, device="cuda")
    return lambda: x + x


def reduction(torch, tiny):
    x = torch.randn(64 if tiny else 1 << 26, device="cuda")
    return lambda: x.sum()


def row_sums(torch, tiny):
    x = torch.randn(*((4, 8) if tiny else (1 << 14, 1 << 12)), device="cuda")
    return lambda: x.sum(1)


def product(dtype):
    def matmul(torch, tiny):
        size = 8 if tiny else 4096
        a, b = (torch.randn(size, size, device="cuda").to(getattr(torch, dtype)) for _ in range(2))
        return lambda: a @ b

    return matmul


def own_product(torch, tiny):
    """Ours by the kernel that works without cuBLAS, PyTorch's as ever."""
    multiply = product("float32")(torch, tiny)
    if torch is not numbatorch:
        return multiply

    def by_kernel():
        library, numbatorch.cuda_blas.library = numbatorch.cuda_blas.library, lambda: None
        try:
            multiply()
        finally:
            numbatorch.cuda_blas.library = library

    return by_kernel


def attention(torch, tiny):
    shape = (1, 2, 4, 4) if tiny else (8, 16, 1024, 64)
    q, k, v = (torch.randn(*shape, device="cuda", requires_grad=True) for _ in range(3))

    def both_ways():
        q.grad = k.grad = v.grad = None
        torch.nn.functional.scaled_dot_product_attention(q, k, v).sum().backward()

    return both_ways


def optimizer(torch, tiny):
    count, width = (3, 4) if tiny else (200, 512)
    parameters = [torch.randn(width, width, device="cuda").requires_grad_() for _ in range(count)]
    for p in parameters:
        p.grad = torch.ones_like(p)
    return torch.optim.AdamW(parameters).step


def softmax(torch, tiny):
    x = torch.randn(*((4, 8) if tiny else (1 << 14, 1 << 12)), device="cuda")
    return lambda: torch.softmax(x, 1)


def layer_norm(torch, tiny):
    x = torch.randn(*((4, 8) if tiny else (1 << 14, 1 << 12)), device="cuda")
    norm = torch.nn.LayerNorm(x.shape[1]).to("cuda")
    return lambda: norm(x)


def cross_entropy(torch, tiny):
    rows, classes = (4, 8) if tiny else (1 << 14, 1 << 12)
    x = torch.randn(rows, classes, device="cuda", requires_grad=True)
    target = torch.arange(rows, device="cuda") % classes

    def both_ways():
        x.grad = None
        torch.nn.functional.cross_entropy(x, target).backward()

    return both_ways


def step_of(torch, model, x, target):
    """A training step that a graph may capture."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        optimizer.zero_grad(set_to_none=False)
        loss = torch.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()

    return step


def mnist(torch, tiny):
    nn = torch.nn
    channels, batch = (2, 2) if tiny else (32, 64)
    side = 8 if tiny else 28
    model = nn.Sequential(
        nn.Conv2d(1, channels, 3), nn.ReLU(), nn.Conv2d(channels, 2 * channels, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
        nn.Linear(2 * channels * ((side - 4) // 2) ** 2, 10),
    ).to("cuda")  # fmt: skip
    x = torch.randn(batch, 1, side, side, device="cuda")
    return step_of(torch, model, x, torch.arange(batch, device="cuda") % 10)


def transformer(torch, tiny):
    nn = torch.nn
    width, heads, length, batch = (8, 2, 3, 2) if tiny else (256, 8, 128, 32)

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 1 if tiny else 4)
            self.classes = nn.Linear(width, 10)

        def forward(self, x):
            return self.classes(self.encoder(x).mean(1))

    x = torch.randn(batch, length, width, device="cuda")
    target = torch.arange(batch, device="cuda") % 10
    return step_of(torch, Classifier().to("cuda"), x, target)


def graphed(make):
    """The same step, captured once and replayed."""

    def build(torch, tiny):
        step = make(torch, tiny)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2 if tiny else 5):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    return build


PROGRAMS = {
    "copy, 64M float32": copy,
    "add, 64M float32": addition,
    "gelu, 64M float32": elementwise,
    "sum, 64M float32": reduction,
    "row sums, 16384 x 4096": row_sums,
    "matmul 4096, float32": product("float32"),
    "matmul 4096, float32, our kernel": own_product,
    "matmul 4096, float16": product("float16"),
    "matmul 4096, bfloat16": product("bfloat16"),
    "softmax, 16384 x 4096": softmax,
    "layer norm, 16384 x 4096": layer_norm,
    "cross-entropy with gradient, 16384 x 4096": cross_entropy,
    "attention with gradient, 8 x 16 x 1024 x 64": attention,
    "AdamW, 200 parameters of 512 x 512": optimizer,
    "MNIST step": mnist,
    "MNIST step, graph": graphed(mnist),
    "Transformer step": transformer,
    "Transformer step, graph": graphed(transformer),
}


# Timing ------------------------------------------------------------------------------------------


def milliseconds(torch, work, repeat):
    """The mean time of a call, among so many in a row."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeat):
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / repeat


def measure(make, tiny, rounds, repeat):
    """The least times of each library, in alternating rounds."""
    used = libraries()
    works = [make(torch, tiny) for torch in used]
    for torch, work in zip(used, works):  # compile, fill caches
        milliseconds(torch, work, 1)
    times = [[] for _ in used]
    for _ in range(rounds):
        for torch, work, found in zip(used, works, times):
            found.append(milliseconds(torch, work, repeat))
    return [min(found) for found in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="sizes for the simulator; no file")
    parser.add_argument("--match", default="", help="only programs with this in the name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    if not numbatorch.cuda.is_available():
        print("no CUDA device: nothing was measured")
        return
    rounds, repeat = (1, 1) if options.tiny else (options.rounds, options.repeat)
    lines = [
        "# Beside PyTorch on a card", "",
        f"{numbatorch.cuda.get_device_name()}, driver for CUDA {driver_version()}, Python "
        f"{platform.python_version()}; least time of {rounds} rounds of {repeat}, in ms.", "",
        "| program | numbatorch | PyTorch | ratio |", "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, make in PROGRAMS.items():
        if options.match in name:
            ours, *theirs = measure(make, options.tiny, rounds, repeat)
            beside = f"{theirs[0]:.4f} | {ours / theirs[0]:.2f}" if theirs else " | "
            lines.append(f"| {name} | {ours:.4f} | {beside} |")
            print(lines[-1], flush=True)
    if not options.tiny:
        RESULTS.write_text("\n".join(lines) + "\n")


def driver_version():
    """The newest CUDA that the driver knows."""
    if numbatorch.cuda_memory.target().SIMULATED:
        return "(simulated)"
    from cuda.bindings import driver

    _, version = driver.cuDriverGetVersion()
    return f"{version // 1000}.{version % 1000 // 10}"


if __name__ == "__main__":
    main()

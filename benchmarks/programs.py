"""Training steps, written once for PyTorch and numbatorch: `program(torch)` returns the step.

Run as a script it times one program in one framework and prints the result as JSON:

    python benchmarks/programs.py numbatorch mnist --seconds 2
"""

import argparse
import importlib
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def _step(torch, model, optimizer, loss_of):
    def step():
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        return loss

    return step


def linear_regression(torch):
    """100x1 data, one Linear, SGD."""
    x, y = torch.randn(100, 1), torch.randn(100, 1)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return _step(torch, model, optimizer, lambda m: torch.nn.functional.mse_loss(m(x), y))


def logistic_regression(torch):
    """100x2 data, one Linear, BCE with logits, SGD."""
    x, y = torch.randn(100, 2), torch.randint(0, 2, (100, 1)).float()
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return _step(torch, model, optimizer, lambda m: loss(m(x), y))


def dropout_net(torch):
    """20-64-64-2 with dropout, cross-entropy, Adam, batch 32."""
    nn = torch.nn
    x, y = torch.randn(32, 20), torch.randint(0, 2, (32,))
    model = nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 64), nn.ReLU(),
        nn.Dropout(0.5), nn.Linear(64, 2),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    return _step(torch, model, optimizer, lambda m: nn.functional.cross_entropy(m(x), y))


def mlp(torch):
    """784-128-10, batch 64, cross-entropy, Adam."""
    nn = torch.nn
    x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters())
    return _step(torch, model, optimizer, lambda m: nn.functional.cross_entropy(m(x), y))


def mnist(torch):
    """The MNIST convolutional network (1-32-64, 9216-128-10), batch 64, Adadelta."""
    nn = torch.nn
    x, y = torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 10), nn.LogSoftmax(1),
    )  # fmt: skip
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    return _step(torch, model, optimizer, lambda m: nn.functional.nll_loss(m(x), y))


def lenet(torch):
    """LeNet on 3x32x32, batch 32, SGD with momentum."""
    nn = torch.nn
    x, y = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
    model = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
        nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    return _step(torch, model, optimizer, lambda m: nn.functional.cross_entropy(m(x), y))


def char_lstm(torch):
    """Two LSTM layers of 128, 64 steps, batch 32, 65 characters, Adam."""
    nn = torch.nn
    x, y = torch.randint(0, 65, (32, 64)), torch.randint(0, 65, (32, 64))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(65, 128)
            self.lstm = nn.LSTM(128, 128, 2, batch_first=True)
            self.head = nn.Linear(128, 65)

        def forward(self, x):
            return self.head(self.lstm(self.embed(x))[0])

    model = Model()
    optimizer = torch.optim.Adam(model.parameters())
    loss = nn.functional.cross_entropy
    return _step(torch, model, optimizer, lambda m: loss(m(x).reshape(-1, 65), y.reshape(-1)))


def transformer(torch):
    """Four encoder layers of width 128, 64 tokens, batch 16, causal, AdamW."""
    nn = torch.nn
    x, y = torch.randint(0, 65, (16, 64)), torch.randint(0, 65, (16, 64))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(65, 128)
            self.position = nn.Embedding(64, 128)
            layer = nn.TransformerEncoderLayer(
                128, 4, 512, dropout=0.0, batch_first=True, norm_first=True
            )
            self.blocks = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
            self.head = nn.Linear(128, 65)

        def forward(self, x):
            length = x.shape[1]
            mask = nn.Transformer.generate_square_subsequent_mask(length)
            hidden = self.embed(x) + self.position(torch.arange(length))
            return self.head(self.blocks(hidden, mask=mask, is_causal=True))

    model = Model()
    optimizer = torch.optim.AdamW(model.parameters())
    loss = nn.functional.cross_entropy
    return _step(torch, model, optimizer, lambda m: loss(m(x).reshape(-1, 65), y.reshape(-1)))


def resnet18(torch):
    """ResNet-18 for 32x32 images (a first convolution of 3x3, no first pooling), batch 32, SGD."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Identity()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x):
            hidden = nn.functional.relu(self.norm1(self.conv1(x)))
            return nn.functional.relu(self.norm2(self.conv2(hidden)) + self.shortcut(x))

    widths, layers = (64, 64, 128, 256, 512), []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers += [Block(inputs, outputs, 1 if number == 0 else 2), Block(outputs, outputs, 1)]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), *layers,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    x, y = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _step(torch, model, optimizer, lambda m: nn.functional.cross_entropy(m(x), y))


PROGRAMS = {
    program.__name__: program
    for program in (
        linear_regression, logistic_regression, dropout_net, mlp, mnist, lenet, char_lstm,
        transformer, resnet18,
    )
}  # fmt: skip


#: Steps that are timed at most. Who is faster would train for longer, until the moments of Adam are
#: denormal numbers, which are slow to compute with.
MOST_STEPS = 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("framework", choices=["torch", "numbatorch"])
    parser.add_argument("program", choices=sorted(PROGRAMS))
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to time steps")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--compiled", action="store_true", help="time torch.compile(step)")
    options = parser.parse_args()
    start = time.perf_counter()
    torch = importlib.import_module(options.framework)
    imported = time.perf_counter()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    step = PROGRAMS[options.program](torch)
    if options.compiled:
        step = torch.compile(step)
        step()  # what is captured is the second call
    loss = step().item()
    first = time.perf_counter()
    for _ in range(3):
        step()
    times = []
    end = time.perf_counter() + options.seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < MOST_STEPS):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    print(json.dumps({
        "import": imported - start,
        "first step": first - imported,
        "step": statistics.median(times),
        "least": min(times),
        "loss": loss,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))  # fmt: skip


if __name__ == "__main__":
    main()

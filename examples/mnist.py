"""A convolutional network learns to read digits: over 98% after an epoch of the full MNIST set."""

import argparse
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from data import find, mnist
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout2(x)
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


def train(args, model, loader, optimizer, epoch, losses):
    model.train()
    bar = tqdm(loader, desc=f"epoch {epoch}", leave=False, mininterval=0.5)
    for images, labels in bar:
        if args.steps is not None and len(losses) == args.steps:
            break
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{losses[-1]:.4f}")
        if len(losses) % args.log_interval == 0:
            tqdm.write(f"step {len(losses):4d}  loss {losses[-1]:.8g}")


def test(model, loader):
    """(mean loss, accuracy) on the test set."""
    model.eval()
    total_loss, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            output = model(images)
            total_loss += F.nll_loss(output, labels, reduction="sum").item()
            correct += (output.argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return total_loss / count, correct / count


def draw(losses, path):
    """The loss curve, if matplotlib is installed."""
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no loss curve drawn")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    axes.plot(losses, linewidth=0.8)
    axes.set(xlabel="step", ylabel="loss", yscale="log", title="MNIST")
    figure.savefig(path, dpi=120)
    print(f"loss curve in {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder that holds mnist/ with the full set")
    parser.add_argument("--epochs", type=int, help="default: 1 of the full set, 10 of the subset")
    parser.add_argument("--steps", type=int, help="stop training after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--test-batch-size", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--gamma", type=float, default=0.9, help="learning rate decay per epoch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-interval", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where results are written")
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_set = TensorDataset(*mnist(args.data, train=True))
    test_set = TensorDataset(*mnist(args.data, train=False))
    if args.epochs is None:
        args.epochs = 10 if find("mnist", args.data) is None else 1
    print(f"{len(train_set)} training images, {len(test_set)} test images")
    loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=args.test_batch_size)

    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    losses = []
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        train(args, model, loader, optimizer, epoch, losses)
        seconds = time.perf_counter() - start
        if args.steps is not None and len(losses) == args.steps:
            break
        loss, accuracy = test(model, test_loader)
        print(f"epoch {epoch}  {seconds:.1f} s  test loss {loss:.4f}  accuracy {accuracy:.2%}")
        scheduler.step()

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), args.out / "mnist_cnn.pt")
    print(f"weights in {args.out / 'mnist_cnn.pt'}")
    draw(losses, args.out / "mnist_loss.png")


if __name__ == "__main__":
    main()

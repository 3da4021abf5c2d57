"""A small network with dropout that learns which arm of a spiral a point lies on."""

import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def spirals(count, arms=3):
    """Noisy points on the arms of a spiral, with the number of the arm."""
    labels = torch.arange(count) % arms
    radius = torch.rand(count)
    angle = 4 * radius + labels * (2 * math.pi / arms) + 0.2 * torch.randn(count)
    points = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return 2 * points, labels


class Net(nn.Module):
    def __init__(self, width=64, classes=3, dropout=0.1):
        super().__init__()
        self.fc1 = nn.Linear(2, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.dropout(torch.tanh(self.fc1(x)))
        x = self.dropout(torch.tanh(self.fc2(x)))
        return self.fc3(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--log-interval", type=int, default=50)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    points, labels = spirals(600)
    test_points, test_labels = spirals(300)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, args.steps))

    model.train()
    for step in range(1, args.steps + 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(points), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % args.log_interval == 0:
            print(f"step {step:4d}  loss {loss.item():.8g}")

    model.eval()
    with torch.no_grad():
        accuracy = (model(test_points).argmax(1) == test_labels).float().mean().item()
    print(f"test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()

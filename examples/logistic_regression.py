"""Tell two clouds of points apart, in mini-batches."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def two_clouds(count):
    """Points around (1, 1) and around (-1, -0.5), with labels 1 and 0."""
    labels = (torch.arange(count) % 2).float()
    centres = torch.tensor([[-1.0, -0.5], [1.0, 1.0]])
    return centres[labels.long()] + torch.randn(count, 2), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--log-interval", type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_set, test_set = random_split(TensorDataset(*two_clouds(1200)), [1000, 200])
    loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    model = nn.Linear(2, 1)
    loss_function = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)

    step = 0
    while step < args.steps:
        for points, labels in loader:
            if step == args.steps:
                break
            step += 1
            optimizer.zero_grad()
            loss = loss_function(model(points).squeeze(1), labels)
            loss.backward()
            optimizer.step()
            if step % args.log_interval == 0:
                print(f"step {step:4d}  loss {loss.item():.8g}")

    with torch.no_grad():
        points, labels = next(iter(DataLoader(test_set, batch_size=len(test_set))))
        predictions = (torch.sigmoid(model(points).squeeze(1)) > 0.5).float()
        accuracy = (predictions == labels).float().mean().item()
    print(f"test accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()

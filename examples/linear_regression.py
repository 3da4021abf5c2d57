"""Fit a plane to noisy points by gradient descent."""

import argparse

import torch
from torch import nn


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--log-interval", type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    true_weight = torch.tensor([[2.0, -3.4, 0.7]])
    true_bias = 4.2
    inputs = torch.randn(512, 3)
    targets = inputs @ true_weight.T + true_bias + 0.1 * torch.randn(512, 1)

    model = nn.Linear(3, 1)
    loss_function = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    for step in range(1, args.steps + 1):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        if step % args.log_interval == 0:
            print(f"step {step:4d}  loss {loss.item():.8g}")

    print(f"weight {model.weight.detach()}, true {true_weight}")
    print(f"bias {model.bias.item():.4f}, true {true_bias}")


if __name__ == "__main__":
    main()

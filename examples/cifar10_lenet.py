"""A LeNet-style network on CIFAR-10, trained by SGD with momentum."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from data import cifar10
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder that holds cifar10/cifar-10-batches-bin/")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop training after so many steps")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-interval", type=int, default=50)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    train_set = TensorDataset(*cifar10(args.data, train=True))
    test_set = TensorDataset(*cifar10(args.data, train=False))
    loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    net = LeNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum)

    step = 0
    for epoch in range(1, args.epochs + 1):
        for images, labels in tqdm(loader, desc=f"epoch {epoch}", leave=False, mininterval=0.5):
            if step == args.steps:
                break
            step += 1
            optimizer.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
            if step % args.log_interval == 0:
                tqdm.write(f"step {step:4d}  loss {loss.item():.8g}")

    correct = 0
    with torch.no_grad():
        for images, labels in DataLoader(test_set, batch_size=250):
            _, predicted = torch.max(net(images), 1)
            correct += (predicted == labels).sum().item()
    print(f"test accuracy {correct / len(test_set):.2%}")


if __name__ == "__main__":
    main()

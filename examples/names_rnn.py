"""Guess the language of a surname, letter by letter, with an RNN, LSTM or GRU."""

import argparse

import torch
from data import LETTERS, names, plain
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader

PADDING = 0  # the letters count from 1


def encode(name):
    return torch.tensor([1 + LETTERS.index(letter) for letter in name])


def collate(pairs):
    """(letters padded to the longest name, lengths, languages) of a batch."""
    lengths = torch.tensor([len(name) for name, _ in pairs])
    letters = torch.full((len(pairs), int(lengths.max())), PADDING, dtype=torch.long)
    for row, (name, _) in enumerate(pairs):
        letters[row, : len(name)] = encode(name)
    return letters, lengths, torch.tensor([language for _, language in pairs])


class Classifier(nn.Module):
    def __init__(self, cell, languages, width=128):
        super().__init__()
        self.embedding = nn.Embedding(1 + len(LETTERS), 32, padding_idx=PADDING)
        self.recurrent = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](
            32, width, batch_first=True
        )
        self.output = nn.Linear(width, languages)

    def forward(self, letters, lengths):
        states, _ = self.recurrent(self.embedding(letters))
        last = states[torch.arange(len(lengths)), lengths - 1]
        return self.output(last)


def accuracy(model, pairs):
    model.eval()
    correct = 0
    with torch.no_grad():
        for letters, lengths, languages in DataLoader(pairs, 256, collate_fn=collate):
            correct += (model(letters, lengths).argmax(1) == languages).sum().item()
    return correct / len(pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", choices=["rnn", "lstm", "gru"], default="lstm")
    parser.add_argument("--data", help="folder that holds names/")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-interval", type=int, default=50)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    languages, pairs = names(args.data, args.seed)
    held_out = len(pairs) // 10
    test_set, train_set = pairs[:held_out], pairs[held_out:]
    loader = DataLoader(train_set, args.batch_size, shuffle=True, collate_fn=collate)
    model = Classifier(args.cell, len(languages))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    criterion = nn.CrossEntropyLoss()

    step = 0
    while step < args.steps:
        for letters, lengths, targets in loader:
            if step == args.steps:
                break
            step += 1
            optimizer.zero_grad()
            loss = criterion(model(letters, lengths), targets)
            loss.backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if step % args.log_interval == 0:
                print(f"step {step:4d}  loss {loss.item():.8g}")

    print(f"test accuracy {accuracy(model, test_set):.2%}")
    for name in ("Satoshi", "Dostoevsky", "O'Neill", "Schwarz"):
        letters, lengths, _ = collate([(plain(name), 0)])
        with torch.no_grad():
            scores = model(letters, lengths).softmax(1)[0]
        value, index = scores.max(0)
        print(f"{name}: {languages[index.item()]} ({value.item():.2f})")


if __name__ == "__main__":
    main()

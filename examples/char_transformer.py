"""A small causal Transformer learns to write Shakespeare, character by character."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from data import shakespeare


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x, mask):
        y = self.norm1(x)
        attended, _ = self.attention(y, y, y, attn_mask=mask, need_weights=False)
        x = x + attended
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, characters, context, width=64, heads=4, layers=2, dropout=0.1):
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(characters, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters)
        future = torch.triu(torch.ones(context, context), diagonal=1).bool()
        self.register_buffer("future", future)

    def forward(self, tokens):
        length = tokens.shape[1]
        x = self.tokens(tokens) + self.positions(torch.arange(length))
        mask = self.future[:length, :length]
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))

    @torch.no_grad()
    def generate(self, tokens, count):
        for _ in range(count):
            logits = self(tokens[:, -self.context :])[:, -1]
            following = torch.multinomial(F.softmax(logits, dim=-1), 1)
            tokens = torch.cat([tokens, following], dim=1)
        return tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder that holds tinyshakespeare/input.txt")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-interval", type=int, default=50)
    parser.add_argument("--sample", type=int, default=300, help="characters to write at the end")
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    text = shakespeare(args.data)
    characters = sorted(set(text))
    number_of = {character: number for number, character in enumerate(characters)}
    corpus = torch.tensor([number_of[character] for character in text])

    model = Transformer(len(characters), args.context)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    print(f"{len(corpus)} characters, {sum(p.numel() for p in model.parameters())} parameters")
    for step in range(1, args.steps + 1):
        starts = torch.randint(len(corpus) - args.context, (args.batch_size,))
        rows = torch.stack([corpus[start : start + args.context + 1] for start in starts])
        optimizer.zero_grad()
        logits = model(rows[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, len(characters)), rows[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % args.log_interval == 0:
            print(f"step {step:4d}  loss {loss.item():.8g}")

    model.eval()
    start = torch.tensor([[number_of["\n"]]])
    print("".join(characters[i] for i in model.generate(start, args.sample)[0].tolist()))


if __name__ == "__main__":
    main()

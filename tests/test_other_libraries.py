"""Libraries that programs use beside PyTorch take our tensors: einops, scikit-learn, pandas, others.

Their programs run under the launcher, where they find numbatorch as `torch`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

EINOPS = """
import torch
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce

torch.manual_seed(0)
images = torch.rand(2, 3, 4, 6, requires_grad=True)
patches = rearrange(images, "b c (h p) (w q) -> b (h w) (p q c)", p=2, q=3)
pooled = reduce(images, "b c (h 2) (w 2) -> b c h w", "max")
means = reduce(images, "b c h w -> b () () c", "mean")
tiled = repeat(images[:, 0], "b h w -> b (r h) w k", r=2, k=2)
product = einsum(patches, patches, "b i d, b j d -> b i j")
packed, shapes = pack([patches, means.squeeze(1)[..., :1].expand(2, 1, 18)], "b * d")
parts = unpack(packed, shapes, "b * d")
layers = torch.nn.Sequential(
    Rearrange("b c h w -> b h w c"), Reduce("b h w c -> b h c", "sum"),
    EinMix("b h c -> b h o", weight_shape="c o", bias_shape="o", c=3, o=5),
)
mixed = layers(images)
(product.sum() + pooled.sum() + tiled.sum() + parts[0].sum() + mixed.square().sum()).backward()
for x in (patches, pooled, means, tiled, product, packed, parts[1], mixed, images.grad):
    print(tuple(x.shape), f"{x.double().sum().item():.4e}", f"{x.double().std().item():.4e}")
"""

SCIKIT_LEARN = """
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, confusion_matrix, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
x = torch.randn(60, 4)
y = x @ torch.tensor([1.0, -2.0, 0.5, 0.0]) + 3
train_x, test_x, train_y, test_y = train_test_split(x, y, random_state=0)
assert isinstance(train_x, torch.Tensor)
model = LinearRegression().fit(train_x, train_y)
print(round(float(r2_score(test_y, model.predict(test_x))), 6))
print(torch.tensor(StandardScaler().fit_transform(x)).std(0, unbiased=False))
print(PCA(2).fit(x.double()).transform(x.double()).shape)
labels, found = (y > 3).long(), (x[:, 0] > 0).long()
print(accuracy_score(labels, found), confusion_matrix(labels, found).tolist())
print(round(float(roc_auc_score(labels, x[:, 0])), 6))
"""

PANDAS = """
import numpy as np
import pandas as pd
import torch

frame = pd.DataFrame({"a": torch.arange(4), "b": torch.linspace(0, 1, 4).double()})
print(frame.dtypes.to_dict(), frame["b"].sum())
print(pd.Series(torch.tensor([True, False])).tolist())
print(torch.tensor(frame.values), torch.tensor(frame["a"].values).dtype)
print(torch.from_numpy(frame.to_numpy(np.float32, copy=True)).mean(0))
frame["c"] = torch.ones(4)
print(frame.describe().loc["mean"].tolist())
"""

MATPLOTLIB = """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

x = torch.linspace(0, 1, 20)
figure, axes = plt.subplots(2, 3)
(line,) = axes[0, 0].plot(x, x ** 2)
axes[0, 1].scatter(x, x, c=x)
axes[0, 2].hist(x, bins=5)
axes[1, 0].imshow(torch.rand(4, 4, 3))
axes[1, 1].bar(torch.arange(3), torch.ones(3))
axes[1, 2].errorbar(x, x, yerr=x / 10)
figure.canvas.draw()
print(line.get_ydata()[-1], axes[1, 0].images[0].get_array().shape)
"""

TQDM = """
import io
import torch
from tqdm import tqdm, trange

text = io.StringIO()
rows = [row.sum().item() for row in tqdm(torch.ones(5, 2), file=text)]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(6)), batch_size=2)
with tqdm(loader, file=text) as bar:
    for (batch,) in bar:
        bar.set_postfix(loss=batch.mean().item())
assert "5/5" in text.getvalue() and "3/3" in text.getvalue() and "loss=1" in text.getvalue()
print(rows)
"""


def output_of(program, *launcher):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(
        [sys.executable, *launcher, program], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize(
    ("library", "program"),
    [
        ("einops", EINOPS),
        ("sklearn", SCIKIT_LEARN),
        ("pandas", PANDAS),
        ("matplotlib", MATPLOTLIB),
        ("tqdm", TQDM),
    ],
    ids=["einops", "scikit-learn", "pandas", "matplotlib", "tqdm"],
)
def test_a_program_prints_what_it_prints_with_pytorch(library, program, tmp_path):
    pytest.importorskip(library)
    path = tmp_path / "program.py"
    path.write_text(program)
    ours = output_of(path, "-m", "numbatorch")
    assert ours
    pytest.importorskip("torch")
    assert ours == output_of(path)


def test_einops_gives_the_same_as_plain_operations():
    pytest.importorskip("einops")
    code = """
import torch
from einops import rearrange, reduce
x = torch.arange(24.0).reshape(2, 3, 4)
assert torch.equal(rearrange(x, "a b c -> (c a) b"), x.permute(2, 0, 1).reshape(8, 3))
assert torch.equal(reduce(x, "a b c -> b", "sum"), x.sum((0, 2)))
assert torch.__name__ == "numbatorch"
print("equal")
"""
    run = subprocess.run(
        [sys.executable, "-c", "import numbatorch; numbatorch.install_as_torch()\n" + code],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert run.stdout == "equal\n", run.stderr

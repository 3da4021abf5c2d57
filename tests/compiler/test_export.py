"""Exported programs: written to a file, loaded by a process that has none of the Python code."""

import io
import subprocess
import sys
import textwrap

import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.compiler import export, load, save


class Network(nn.Module):
    """Convolutions, pooling (whose kernels walk tables), an embedding, results in a dictionary."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.GELU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10), nn.Dropout(0.5),
        )  # fmt: skip
        self.table = nn.Embedding(7, 10)

    def forward(self, image, word, scale=1.0):
        y = self.features(image) * scale + self.table(word)
        return {"scores": y.log_softmax(1), "best": y.argmax(1)}, "done"


def inputs(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, 3, 8, 8, generator=generator), torch.arange(4)


def assert_same(found, expected):
    assert found[1] == expected[1] == "done"
    torch.testing.assert_close(
        found[0]["scores"], expected[0]["scores"].detach(), rtol=1e-4, atol=1e-5
    )
    assert torch.equal(found[0]["best"], expected[0]["best"])


def test_another_process_runs_it_without_the_code(tmp_path):
    model = Network().eval()
    program = export(model, inputs())
    save(program, tmp_path / "network.nbt")
    torch.save([*inputs(2), model(*inputs(2))[0]["scores"].detach()], tmp_path / "batch.pt")
    code = """
        import sys
        import numbatorch as torch
        from numbatorch import compiler
        folder = sys.argv[1]
        program = compiler.load(folder + "/network.nbt")
        image, word, expected = torch.load(folder + "/batch.pt")
        for _ in range(3):
            found, words = program(image, word)
            torch.testing.assert_close(found["scores"], expected, rtol=1e-4, atol=1e-5)
        assert words == "done" and "network" not in sys.modules
        print("as expected")
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.stdout == "as expected\n", found.stderr


def test_results_are_fresh_and_other_layouts_are_copied():
    model = Network().eval()
    file = io.BytesIO()
    save(export(model, inputs(), {"scale": 2.0}), file)
    file.seek(0)
    program = load(file).module()
    kept = []
    for seed in range(3):
        image, word = inputs(seed)
        kept.append((program(image, word, scale=2.0), model(image, word, scale=2.0)))
        turned = image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        assert turned.stride() != image.stride()
        assert_same(program(turned, word, scale=2.0), kept[-1][1])
    for found, expected in kept:
        assert_same(found, expected)


def test_what_does_not_fit_raises():
    program = export(Network().eval(), inputs(), {"scale": 2.0})
    image, word = inputs()
    with pytest.raises(RuntimeError, match=r"\*args\[0\].shape\[0\] to be equal to 4, but got 3"):
        program(image[:3], word, scale=2.0)
    with pytest.raises(RuntimeError, match=r"\*args\[0\].dim\(\) to be equal to 4, but got 3"):
        program(image[0], word, scale=2.0)
    with pytest.raises(RuntimeError, match=r"\*args\[0\].dtype to be equal to torch.float32"):
        program(image.double(), word, scale=2.0)
    with pytest.raises(RuntimeError, match=r"to be equal to 2.0, but got 3.0"):
        program(image, word, scale=3.0)
    with pytest.raises(TypeError, match="takes 2 positional arguments"):
        program(image, scale=2.0)
    with pytest.raises(RuntimeError, match="to be a tensor"):
        program(image, [0, 1, 2, 3], scale=2.0)
    for _ in range(2):
        with pytest.raises(IndexError, match="out of bounds"):
            program(image, word + 5, scale=2.0)
        program(image, word, scale=2.0)


def test_what_cannot_be_exported():
    x = torch.ones(2, 3)
    with pytest.raises(RuntimeError, match="evaluation mode"):
        export(nn.Linear(3, 3), (x,))
    with pytest.raises(TypeError, match="args to be a tuple"):
        export(nn.Linear(3, 3).eval(), x)
    with pytest.raises(RuntimeError, match="random numbers"):
        export(lambda x: torch.rand(2) + x[0, 0], (x,))
    with pytest.raises(RuntimeError, match="returns an argument"):
        export(lambda x: x, (x,))
    with pytest.raises(RuntimeError, match="cannot be compiled as a whole"):
        export(lambda x: x if x.sum() > 0 else -x, (x,))
    counter = torch.zeros(1)
    with pytest.raises(RuntimeError, match="changes tensors from outside"):
        export(lambda x: x + counter.add_(1), (x,))


def test_files_that_are_none(tmp_path):
    with pytest.raises(RuntimeError, match="expects a file that compiler.save wrote"):
        load(io.BytesIO(b"nothing"))
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent")
    with pytest.raises(TypeError, match="expects an ExportedProgram"):
        save(nn.Linear(2, 2), tmp_path / "file")
    program = export(nn.Linear(2, 2).eval(), (torch.ones(1, 2),))
    program.data["machine"] = ("0.1", (3, 1), "z80")
    save(program, tmp_path / "other")
    with pytest.raises(RuntimeError, match="compiled for another machine"):
        load(tmp_path / "other")

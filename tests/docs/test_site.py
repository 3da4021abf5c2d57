"""What the documentation site is made from: the table of ops, docstrings, links."""

import json
import re
import sys
from pathlib import Path

import pytest

from numbatorch.op import REGISTRY

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "docs"))

import check_links
from generate import calls, ops, pages, repository, sources
from generate.kernel_calls import formulas_of, kernels_of

ROOT = Path(__file__).resolve().parent.parent.parent

#: Views launch no kernel, and a copy between devices is none.
COMPUTED = sorted(name for name, op in REGISTRY.items() if not op.is_view and name != "to_device")


@pytest.fixture(scope="module", autouse=True)
def nothing_observed():
    """Entries without the calls of the samples, which take a while to collect."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ops, "observed", dict)
    yield
    patch.undo()


@pytest.mark.parametrize("name", COMPUTED)
def test_every_op_shows_its_kernels_on_both_devices(name):
    kernels = kernels_of(REGISTRY[name])
    assert kernels
    for family, kernel in kernels:
        for device in ("cpu", "cuda"):
            assert f"def {kernel}(" in ops.kernel_text(device, family, kernel)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_op_has_an_entry(name):
    op = REGISTRY[name]
    text = ops.entry(op)
    assert f"(op-{name.replace('_', '-')})=" in text
    for part in ("**Kernel", "**Gradient**"):
        assert part in text
    for formula in formulas_of(op):
        assert sources.formula_text(formula) in text
    if op.rules:
        assert "```python\n" in text.split("**Gradient**")[1]


def test_every_op_is_on_the_page_of_its_family():
    listed = [name for names in ops.families().values() for name in names]
    assert sorted(listed) == sorted(REGISTRY)
    assert ops.homes()["relu"] == "activations"
    assert ops.homes()["max_pool"] == "pooling"


def test_known_ops_say_what_is_known_of_them():
    relu = ops.entry(REGISTRY["relu"])
    assert "def relu(x):" in relu
    assert "relu_gradient(grad, output)" in relu
    assert "`torch.relu`, `Tensor.relu`" in relu
    assert "| complex64" not in relu  # refused
    assert kernels_of(REGISTRY["softmax"]) == [("softmax", "softmax")]
    assert ("random", "normal") in kernels_of(REGISTRY["normal_samples"])


def test_calls_without_kernels():
    import numbatorch as torch

    seen = calls.Observed()
    with calls.without_kernels():
        x = torch.ones(3, 4, requires_grad=True)
        y = REGISTRY["softmax"](x, dim=1)
    assert y.shape == x.shape and y.requires_grad
    assert y.detach().numpy().sum() == 0  # nothing was computed
    seen.note((x,), {"dim": 1}, y)
    assert seen.calls == {"float32[3 × 4], dim=1": "float32[3 × 4]"}
    assert seen.dtypes == {"float32": ("float32",)}


def test_docstrings_are_taken_literally():
    found = pages.docstring("""x / (1 + |x|), `a*b` and a_b * c

        for example:

            y = f(*x)

        - one
        - two
    """)
    assert found.startswith(r"x / (1 + \|x\|), `a*b` and a\_b \* c")
    assert "```python\ny = f(*x)\n```" in found
    assert "- one\n- two" in found


def test_links_of_repository_files_lead_to_pages():
    text = "[here](docs/compiling.md), [there](examples), [web](https://a.b), ![p](docs/mnist_loss.png)"
    assert repository.turned(text) == (
        "[here](../compiling.md), there, [web](https://a.b), ![p](../mnist_loss.png)"
    )


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top-of-a">A</h1><a href="b.html#x">1</a><a href="c.html">2</a><a href="#top-of-a">3</a>'
        '<a href="https://elsewhere.org">4</a><script src="https://cdn.org/s.js"></script>'
        '<img src="data:image/png;base64,AA"/>'
    )
    (tmp_path / "b.html").write_text('<a href="a.html#gone">5</a>')
    assert check_links.complaints(tmp_path) == [
        "a.html: no anchor b.html#x",
        "a.html: no page c.html",
        "a.html: loads https://cdn.org/s.js",
        "b.html: no anchor a.html#gone",
    ]


def test_formulas_become_mathml():
    pytest.importorskip("latex2mathml")
    from mathml import draw

    assert "<mfrac>" in draw(r"\frac{a}{b}")
    lines = draw(r"\begin{aligned} a &= b \\[2pt] c &= d \end{aligned}", display="block")
    assert lines.count("<mtr>") == 2 and "2pt" not in lines.replace('"3pt"', "")
    with pytest.raises(ValueError, match=r"'\\\\foo' would show"):
        draw(r"\foo x")


def test_every_formula_of_the_book_can_be_drawn():
    pytest.importorskip("latex2mathml")
    from mathml import draw

    drawn = 0
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = re.sub(r"```.*?```|`[^`]*`", "", "".join(cell["source"]), flags=re.S)
            if cell["cell_type"] == "markdown":
                for block, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", text, re.S):
                    assert draw(block or inline).startswith("<math")
                    drawn += 1
    assert drawn > 100

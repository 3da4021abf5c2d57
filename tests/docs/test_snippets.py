"""Every snippet of the documentation runs, in the order in which a reader meets them."""

import re
import textwrap
from pathlib import Path

import pytest

import numbatorch as torch

ROOT = Path(__file__).resolve().parent.parent.parent

#: Page -> lines that a reader has before the page begins, because the page says "your model".
PAGES = {
    "README.md": "",
    "README.zh-CN.md": "",
    "docs/getting_started.md": "",
    "docs/compiling.md": """
import numbatorch as torch
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 4)
images = x
""",
    "docs/performance.md": "",
    "docs/differences.md": "",
    "docs/programs.md": "",
}


def snippets(text, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_python_snippets_run(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(PAGES[page], names)
    found = snippets((ROOT / page).read_text(encoding="utf-8"), "python")
    for number, snippet in enumerate(found):
        path = tmp_path / f"snippet_{number}.py"  # torch.compile reads the source of a function
        path.write_text(snippet, encoding="utf-8")
        exec(compile(snippet, str(path), "exec"), names)
    if "README" in page or "getting_started" in page:
        assert names["loss"].item() < 0.02
        assert capsys.readouterr().out.startswith("tensor(0.0")
    if page == "docs/compiling.md":
        losses = [names["step"](names["x"], names["y"]).item() for _ in range(4)]
        assert losses == sorted(losses, reverse=True)
        report = torch.compiler.explain(names["step"], names["x"], names["y"])
        assert len(report.plans) == 1


def test_the_op_of_contributing_works(tmp_path, monkeypatch):
    """Its formula, declaration and gradient, as they stand there."""
    from numbatorch.op import REGISTRY
    from numbatorch.ops import elementwise, registry

    formula, declaration, take, gradient = map(
        textwrap.dedent, snippets((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "python")
    )
    compile(take, "CONTRIBUTING.md", "exec")  # its op is there already
    header = "from numbatorch.formulas.typed import formula, like\n\n\n"
    (tmp_path / "contributed.py").write_text(header + formula)
    monkeypatch.syspath_prepend(tmp_path)
    import contributed

    assert contributed.softsign(-3.0) == -0.75
    names = {**vars(elementwise), "formulas": contributed}
    tables = [REGISTRY, registry.FUNCTIONS, registry.METHODS]
    before = [dict(table) for table in tables]
    for table in tables:
        for name in ("softsign", "softsign_"):
            table.pop(name, None)
    try:
        exec(declaration + gradient, names)
        x = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(names["softsign"], [x])
        assert torch.allclose(names["softsign"](x), torch.nn.functional.softsign(x))
    finally:
        for table, content in zip(tables, before):
            table.clear()
            table.update(content)


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    """What a reader is told to type: jobs of bootstrap.py, files, submodules that run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    bootstrap = (ROOT / "bootstrap.py").read_text(encoding="utf-8")
    jobs = set(re.findall(r"python3 bootstrap\.py (\w+)", text))
    assert all(f'    "{job}": [' in bootstrap for job in jobs)
    for path in re.findall(
        r"`(?:python3? )?((?:examples|benchmarks|tests|docs)/[\w/.]+\.\w+)", text
    ):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"python -m numbatorch (warmup)", text):
        assert (ROOT / "numbatorch" / f"{name}.py").exists()

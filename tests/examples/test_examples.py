"""The examples run, and print PyTorch's losses."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from compare_examples import CASES, NoData, largest_difference  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_losses_as_pytorch(case):
    pytest.importorskip("torch")
    try:
        assert largest_difference(case) <= case.tolerance
    except NoData as reason:
        pytest.skip(str(reason))


def run_example(name, *arguments, environment=None):
    return subprocess.run(
        [sys.executable, "-m", "numbatorch", f"examples/{name}.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment,
    )


@pytest.mark.slow
def test_mnist_saves_weights_and_draws_the_losses(tmp_path):
    run = run_example("mnist", "--steps", "3", "--log-interval", "1", "--out", str(tmp_path))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("loss ") >= 3
    assert (tmp_path / "mnist_cnn.pt").stat().st_size > 4_000_000
    if "no loss curve drawn" not in run.stdout:
        assert (tmp_path / "mnist_loss.png").stat().st_size > 1000


def test_missing_data_is_explained(tmp_path):
    code = "import sys; sys.path.insert(0, 'examples'); import data; data.require('nowhere', None, 'X')"
    script = tmp_path / "ask.py"
    script.write_text(code)
    run = subprocess.run(
        [sys.executable, "-m", "numbatorch", str(script)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "The data set 'nowhere' was not found" in run.stderr
    assert "It comes from X." in run.stderr

"""`python -m numbatorch script.py` and `install_as_torch`: programs that import torch."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )


def output_of(*arguments, cwd=ROOT):
    run = python(*arguments, cwd=cwd)
    assert run.returncode == 0, run.stderr
    return run.stdout


IMPORTS = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torch.optim.lr_scheduler import StepLR
import torch.optim.lr_scheduler
from torch import optim
import torchvision.transforms as transforms
import numbatorch, numbatorch.nn.functional, numbatorch.vision

assert torch is numbatorch
assert nn is numbatorch.nn and nn.functional is F is numbatorch.nn.functional
assert DataLoader is numbatorch.utils.data.DataLoader
assert torch.optim.lr_scheduler.StepLR is StepLR
assert transforms is numbatorch.vision.transforms
assert torch.__spec__.name == "numbatorch" and F.__spec__.name == "numbatorch.nn.functional"
assert torch.tensor([1, 2]).tolist() == [1, 2]
print("the same")
"""


def test_a_script_gets_numbatorch(tmp_path):
    (tmp_path / "program.py").write_text(IMPORTS)
    assert output_of("-m", "numbatorch", tmp_path / "program.py") == "the same\n"


def test_one_line_in_a_notebook():
    code = "import numbatorch; numbatorch.install_as_torch(); numbatorch.install_as_torch()\n"
    assert output_of("-c", code + IMPORTS) == "the same\n"


def test_the_script_sees_what_python_would_show_it(tmp_path):
    (tmp_path / "helper.py").write_text("WORD = 'found'")
    (tmp_path / "program.py").write_text(
        "import sys, helper\n"
        "if __name__ == '__main__':\n"
        "    print(sys.argv[1:], helper.WORD, __file__ == sys.argv[0])\n"
    )
    printed = output_of("-m", "numbatorch", tmp_path / "program.py", "--lr", "3")
    assert printed == "['--lr', '3'] found True\n"


def test_a_module_as_the_program(tmp_path):
    (tmp_path / "program.py").write_text("import sys, torch\nprint(torch.__name__, sys.argv[1:])")
    printed = output_of("-m", "numbatorch", "-m", "program", "x", cwd=tmp_path)
    assert printed == "numbatorch ['x']\n"


def test_exit_status_and_errors_come_through(tmp_path):
    (tmp_path / "leave.py").write_text("raise SystemExit(3)")
    assert python("-m", "numbatorch", tmp_path / "leave.py").returncode == 3
    (tmp_path / "fail.py").write_text("import torch.nowhere")
    run = python("-m", "numbatorch", tmp_path / "fail.py")
    assert run.returncode == 1
    assert "No module named 'torch.nowhere'" in run.stderr


def test_a_program_s_text_as_the_program():
    text = """
import pickle, sys, torch
class Own: pass
print(torch.__name__, sys.argv, __name__, type(pickle.loads(pickle.dumps(Own()))) is Own)
"""
    expected = "numbatorch {} __main__ True\n"
    assert output_of("-m", "numbatorch", "-c", text, "a") == expected.format(["-c", "a"])
    run = subprocess.run(
        [sys.executable, "-m", "numbatorch", "-", "a"],
        cwd=ROOT, input=text, capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout == expected.format(["-", "a"])


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["missing.py"], 2, "can't open file"),
        (["-m", "no_such_module"], 1, "No module named no_such_module"),
        (["-m", "torch.no_such_module"], 1, "No module named torch.no_such_module"),
        (["-m"], 2, "argument expected for the -m option"),
        (["-c"], 2, "argument expected for the -c option"),
        (["--unheard-of"], 2, "unknown option --unheard-of"),
    ],
)
def test_what_cannot_be_started_is_told_without_a_traceback(arguments, status, words):
    run = python("-m", "numbatorch", *arguments)
    assert run.returncode == status
    assert words in run.stderr and "Traceback" not in run.stderr


def test_usage():
    assert "usage: python -m numbatorch script.py" in output_of("-m", "numbatorch", "--help")
    for arguments in ((), ("-m",)):
        run = python("-m", "numbatorch", *arguments)
        assert run.returncode == 2
        assert "usage:" in run.stderr


def test_too_late():
    pytest.importorskip("torch")
    run = python("-c", "import torch, numbatorch; numbatorch.install_as_torch()")
    assert "has to come before `import torch`" in run.stderr

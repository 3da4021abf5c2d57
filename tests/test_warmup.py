"""`python -m numbatorch warmup` fills the disk cache in worker processes."""

import os
import subprocess
import sys

import pytest

from numbatorch import warmup


def test_jobs_cover_the_op_table_and_the_steps():
    jobs = warmup.jobs([], ["float32", "float64"])
    assert {("step", "recurrent"), ("float32", "add"), ("float64", "matmul")} <= set(jobs)
    assert warmup.jobs(["add"], ["float32"]) == [("float32", "add")]


@pytest.mark.parametrize("job", [("float32", "add"), ("float64", "sum"), ("step", "regression"),
    ("step", "recurrent"), ("step", "large_elementwise"),
])  # fmt: skip
def test_jobs_run(job):
    assert warmup.run_job(job) is None


def test_what_goes_wrong_is_told(monkeypatch):
    monkeypatch.setitem(warmup.STEPS, "broken", lambda: 1 / 0)
    assert "broken, step: ZeroDivisionError" in warmup.run_job(("step", "broken"))


def test_the_command_fills_the_cache(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "numbatorch", "warmup", "neg", "--jobs", "1"],
        env={**os.environ, "NUMBATORCH_CACHE_DIR": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert any(path.name.startswith("unary_kernel") for path in tmp_path.glob("*.nbo"))
    assert "kernels compiled" in done.stdout


def test_unknown_names_are_refused():
    with pytest.raises(SystemExit):
        warmup.main(["no_such_op"])

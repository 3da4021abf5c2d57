"""What every test shares: the helpers beside it, and the same random numbers each time."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

#: The same programs each time; `--hypothesis-profile=default` draws others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--interpret", action="store_true", help="run CPU kernels as plain Python")


def pytest_configure(config):
    if config.getoption("--interpret"):
        import interpreted

        interpreted.interpret()


@pytest.fixture(autouse=True)
def seeded():
    """The same seed before every test."""
    import numbatorch

    seed = getattr(numbatorch, "manual_seed", None)
    if seed is not None:
        seed(0)

"""Imports run downward only: a module may import from its own layer's folder and the layers below."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "numbatorch"

#: From the ground up. A name stands for a module or a whole subpackage.
LAYERS = [
    {
        "callbacks",
        "changes",
        "config",
        "cuda_driver",
        "cuda_streams",
        "dtypes",
        "layouts",
        "native_state",
        "recording",
        "return_types",
        "shapes",
    },
    {"kernel_cache"},
    {"machine_code"},
    {"cpu_builtins"},
    {"thread_pool"},
    {
        "cpu_target",
        "formulas",
        "cuda_target",
        "cuda_simulator",
        "cuda_simulated_threads",
        "cuda_simulated_driver",
    },
    {"host_allocator"},
    {"memory", "array", "dlpack_capsules", "shared_memory"},
    {"cuda_allocator", "cuda_blas"},
    {"cuda_memory"},
    {"devices"},
    {"cpu_kernels", "cuda_kernels"},
    {"graph"},
    {"op"},
    {"profiler"},
    {"random"},
    {"ops"},
    {"creation", "interchange", "random_tensors"},
    {"autograd"},
    {"display", "printing", "indexing", "legacy"},
    {"serialization"},
    {"tensor"},
    {
        "amp",
        "assertions",
        "backends",
        "optim",
        "nn",
        "utils",
        "vision",
        "audio",
        "text",
        "cuda",
        "hub",
        "distributions",
        "linalg",
        "fft",
        "foreach",
        "func",
        "multiprocessing",
        "sparse",
        "special",
    },
    {"op_samples", "compiler"},
    {"warmup"},
]


def layer_of(name):
    for level, names in enumerate(LAYERS):
        if name in names:
            return level
    return len(LAYERS)


def imports_of(path):
    """(top-level names of the package, imported at module level) that a file imports."""
    package = path.relative_to(ROOT.parent).parts[:-1]
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module or "").split(".")) if node.module else base
            if len(target) > 1:
                yield target[1]
            else:
                for alias in node.names:
                    yield alias.name


FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT or path.stem[0] != "_")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downward(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imports_of(path):
        if name != own:
            assert layer_of(name) <= layer_of(own), f"{path} imports {name} from a layer above"


def test_kernel_folders_do_not_import_each_other():
    for folder, other in (("cpu_kernels", "cuda_kernels"), ("cuda_kernels", "cpu_kernels")):
        for path in (ROOT / folder).rglob("*.py"):
            assert other not in set(imports_of(path)), path

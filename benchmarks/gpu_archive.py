"""Pack what a machine with a card but no network lacks: the wheels, without tests and symbols.

    python benchmarks/gpu_archive.py                # writes build/gpu.tar.xz, and prints its size
    bash benchmarks/gpu_host.sh build/gpu.tar.xz    # there: all checks on the card, and the table

The other machine has a driver, a CUDA toolkit with NVVM, Python, NumPy, and PyTorch to compare with.
"""

import argparse
import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

WHEELS = (
    "llvmlite>=0.50,<0.51", "numba>=0.68,<0.69", "numba-cuda>=0.30.4,<0.31", "cuda-core>=1.2,<2",
    "cuda-bindings>=13,<14", "cuda-pathfinder>=1.9,<2", "packaging", "ml_dtypes>=0.5", "tqdm>=4.66",
    "pytest>=8.2,<8.4", "pluggy", "iniconfig",
)  # fmt: skip

PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
)

#: Bytes that an archive may have, to travel with a working tree.
LIMIT = 48 << 20

#: What no program runs: folders of tests, headers, sources in Cython and C.
DROPPED_FOLDERS = ("tests", "testing_data", "include", "__pycache__")
DROPPED_SUFFIXES = (".pyx", ".pxd", ".pyi", ".h", ".hpp", ".cpp", ".c", ".in", ".a")


def download(folder, python):
    """The wheels for a version of Python, such as "3.12"."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    subprocess.run([*command, *WHEELS], check=True)


def unpack(wheels, site):
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def reduce(site):
    """Drop what no program runs, and the symbols of shared libraries."""
    for path in sorted(site.rglob("*"), reverse=True):
        if path.is_dir():
            keeps = path.parent.name == "_pytest" or path.name not in DROPPED_FOLDERS
            if not keeps:
                shutil.rmtree(path)
        elif path.suffix in DROPPED_SUFFIXES:
            path.unlink()
        elif ".so" in path.suffixes and shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


def pack(site, output):
    """Everything in one archive; xz with a dictionary that spans the largest library."""
    filters = [
        {"id": lzma.FILTER_X86},
        {"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 28},
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        lzma.open(output, "wb", filters=filters) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(site.iterdir()):
            tar.add(path, path.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default="3.12", help="the version over there")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "gpu.tar.xz")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheels, site = Path(folder) / "wheels", Path(folder) / "site"
        download(wheels, options.python)
        unpack(wheels, site)
        reduce(site)
        pack(site, options.output)
    size = options.output.stat().st_size
    print(f"{options.output}: {size / 2**20:.1f} MiB of at most {LIMIT >> 20}")
    return size > LIMIT


if __name__ == "__main__":
    sys.exit(main())

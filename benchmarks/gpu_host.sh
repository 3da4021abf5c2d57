#!/usr/bin/env bash
# On a machine with a card and no network: unpack what gpu_archive.py packed, check, measure.
#   bash benchmarks/gpu_host.sh [build/gpu.tar.xz] [only: setup | check | measure] [options]
# Options go to pytest (check: -k check_sizes) or to gpu.py (measure: --match matmul), for hosts that are
# lent for minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
archive=${1:-build/gpu.tar.xz}
what=${2:-all}
options=("${@:3}")
if [ "$what" = all ]; then options=(); fi
site=build/gpu-site

if [ ! -e "$site/.complete" ]; then
    mkdir -p "$site"
    python3 -m tarfile -e "$archive" "$site"
    touch "$site/.complete"
fi
export PYTHONPATH="$PWD:$PWD/$site${PYTHONPATH:+:$PYTHONPATH}"
export NUMBATORCH_CACHE_DIR="$PWD/build/gpu-cache"

# NVVM makes PTX from kernels: it is part of a toolkit, or of NVIDIA's wheels beside PyTorch.
if [ -z "${CUDA_HOME:-}" ]; then
    for folder in /usr/local/cuda /usr/local/cuda-* $(python3 -c 'import site; print(*[p + "/nvidia/cu13" for p in site.getsitepackages()])'); do
        if ls "$folder"/nvvm/lib64/libnvvm.so* >/dev/null 2>&1; then
            export CUDA_HOME=$folder
            break
        fi
    done
fi
echo "CUDA_HOME=${CUDA_HOME:-} (NVVM: $(ls "${CUDA_HOME:-/none}"/nvvm/lib64 2>/dev/null | tr '\n' ' '))"

python3 - "$what" <<'CHECK'
import platform, sys, numba, numpy, numbatorch
print("Python", platform.python_version(), "NumPy", numpy.__version__, "Numba", numba.__version__)
if numbatorch.cuda.is_available():
    print(numbatorch.cuda.get_device_name(), (numbatorch.ones(3, device="cuda") + 1).tolist())
elif sys.argv[1] == "setup":
    print("no CUDA device")
else:
    sys.exit("no CUDA device: nothing to check or to measure")
CHECK
case $what in setup) exit ;; esac
case $what in
    all | check) python3 -m pytest -q -m gpu tests/cuda/test_on_device.py "${options[@]}" ;;
esac
case $what in
    all | measure) python3 benchmarks/gpu.py "${options[@]}" && cat benchmarks/results/gpu.md ;;
esac

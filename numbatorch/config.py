"""Settings read from the environment, once, at import."""

import os
import sys
from pathlib import Path


def _default_cache_dir():
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "numbatorch"


#: Where compiled kernels are kept between processes.
CACHE_DIR = Path(os.environ.get("NUMBATORCH_CACHE_DIR") or _default_cache_dir())

#: NUMBATORCH_CACHE=0 compiles every kernel anew in every process and writes nothing.
CACHE_ENABLED = os.environ.get("NUMBATORCH_CACHE", "1") != "0"

#: Bytes of freed memory that the CPU allocator keeps for reuse.
CACHED_BYTES_LIMIT = int(os.environ.get("NUMBATORCH_CACHED_BYTES", 1 << 30))

#: NUMBATORCH_WINOGRAD=0 computes 3x3 convolutions by direct summation: slower, rounded less.
WINOGRAD = os.environ.get("NUMBATORCH_WINOGRAD", "1") != "0"

#: NUMBATORCH_CUBLAS=0 multiplies matrices on CUDA by our own kernel, where cuBLAS is installed too.
CUBLAS = os.environ.get("NUMBATORCH_CUBLAS", "1") != "0"

#: CUDA_LAUNCH_BLOCKING=1 waits for every kernel on a CUDA device, so that its failure raises there.
LAUNCH_BLOCKING = os.environ.get("CUDA_LAUNCH_BLOCKING") == "1"


def initial_thread_count():
    """Threads for parallel kernels: NUMBATORCH_NUM_THREADS, else OMP_NUM_THREADS, else all cores."""
    for name in ("NUMBATORCH_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1

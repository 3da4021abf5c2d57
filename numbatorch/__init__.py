"""numbatorch: PyTorch-shaped deep learning whose kernels are Python functions compiled by Numba."""

import importlib as _importlib
import math as _math

from . import (
    amp,
    assertions,
    autograd,
    backends,
    cuda,
    fft,
    func,
    graph,
    linalg,
    nn,
    ops,
    optim,
    random,
    random_tensors,
    serialization,
    sparse,
    special,
    top_level,
    typed_storages,
    utils,
    version,
)
from .amp import GradScaler, autocast
from .amp.autocast_mode import (
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    get_autocast_cpu_dtype,
    get_autocast_dtype,
    get_autocast_gpu_dtype,
    is_autocast_cache_enabled,
    is_autocast_cpu_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .cpu_target import get_num_threads, set_num_threads
from .cuda_allocator import OutOfMemoryError
from .cuda_driver import AcceleratorError
from .devices import device
from .dtypes import ALIASES as _DTYPE_ALIASES
from .dtypes import (
    bfloat16,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dtypes import (
    bool_ as bool,
)
from .func import vmap
from .launcher import install_as_torch
from .layouts import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    jagged,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csr,
    strided,
)
from .legacy import TYPED_TENSORS as _TYPED_TENSORS
from .ops.registry import FUNCTIONS as _FUNCTIONS
from .ops.registry import NOT_TOP_LEVEL as _NOT_TOP_LEVEL
from .printing import get_printoptions, set_printoptions
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .serialization import UntypedStorage, load, save
from .settings import *  # noqa: F403  they are all settings of the top level
from .shapes import Size
from .sparse import mm as spmm
from .sparse import sparse_coo_tensor
from .tensor import Tensor

globals().update({name: f for name, f in _FUNCTIONS.items() if name not in _NOT_TOP_LEVEL})
globals().update(top_level.FUNCTIONS)
globals().update(assertions.FUNCTIONS)
globals().update(_DTYPE_ALIASES)
globals().update(_TYPED_TENSORS)
globals().update(typed_storages.TYPED_STORAGES)

Node = graph.Node
has_mps = has_cuda = has_cudnn = has_mkldnn = False

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None

__version__ = version.TorchVersion(version.__version__)

#: Submodules that are imported when a program first asks for them.
_LATER = {
    "_dynamo", "_inductor", "_utils", "accelerator", "compiler", "distributed", "distributions", "functional", "futures",
    "fx",
    "hub", "jit", "library", "mps", "multiprocessing", "onnx", "profiler", "testing", "types", "xpu",
}  # fmt: skip

#: Functions and classes that are defined in one of them.
_LATER_MEMBERS = {"Future": "futures", "compile": "compiler"}


def __getattr__(name):
    if name in _LATER:
        return _importlib.import_module(f".{name}", __name__)
    if name in _LATER_MEMBERS:
        return getattr(_importlib.import_module(f".{_LATER_MEMBERS[name]}", __name__), name)
    if name.startswith("_foreach_"):
        functions = _importlib.import_module(".foreach", __name__).FUNCTIONS
        if name in functions:
            return functions[name]
    raise AttributeError(f"module 'torch' has no attribute '{name}'")


def __dir__():
    return sorted({*globals(), *_LATER, *_LATER_MEMBERS})


def is_tensor(obj, /):
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)

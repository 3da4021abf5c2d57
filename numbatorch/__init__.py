"""numbatorch: PyTorch-shaped deep learning whose kernels are Python functions compiled by Numba."""

import math as _math

from . import (
    autograd,
    backends,
    cuda,
    graph,
    linalg,
    nn,
    ops,
    optim,
    random,
    random_tensors,
    serialization,
    utils,
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
from .cuda_memory import OutOfMemoryError
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
)
from .dtypes import (
    bool_ as bool,
)
from .launcher import install_as_torch
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
from .shapes import Size
from .tensor import Tensor

globals().update({name: f for name, f in _FUNCTIONS.items() if name not in _NOT_TOP_LEVEL})
globals().update(_DTYPE_ALIASES)
globals().update(_TYPED_TENSORS)

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None

#: Accepted wherever PyTorch takes them; outputs are row-major (see docs/differences.md).
contiguous_format, preserve_format = "contiguous_format", "preserve_format"
channels_last, channels_last_3d = "channels_last", "channels_last_3d"
strided = "strided"

__version__ = "0.1.0"


def is_tensor(obj, /):
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)

"""numbatorch: PyTorch-shaped deep learning whose kernels are Python functions compiled by Numba."""

from . import autograd, cuda, nn, ops, random, random_tensors
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
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
from .jit import get_num_threads, set_num_threads
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
from .shapes import Size
from .tensor import Tensor
from .tensor import attach_methods as _attach_methods

_attach_methods()
globals().update({name: f for name, f in _FUNCTIONS.items() if name not in _NOT_TOP_LEVEL})
globals().update(_DTYPE_ALIASES)

__version__ = "0.1.0"

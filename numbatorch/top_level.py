"""Functions that PyTorch has at the top level beside those that the ops declare."""

from . import graph
from .nn import functional
from .ops.registry import METHODS

#: In-place methods that are functions too: torch.relu_(x).
_INPLACE = [
    "abs_",
    "acos_",
    "acosh_",
    "addmv_",
    "arccos_",
    "arccosh_",
    "arcsin_",
    "arcsinh_",
    "arctan_",
    "arctanh_",
    "as_strided_",
    "asin_",
    "asinh_",
    "atan_",
    "atanh_",
    "ceil_",
    "celu_",
    "clamp_",
    "clamp_max_",
    "clamp_min_",
    "clip_",
    "conj_physical_",
    "cos_",
    "cosh_",
    "deg2rad_",
    "detach_",
    "erf_",
    "erfc_",
    "exp_",
    "exp2_",
    "expm1_",
    "fill_",
    "fix_",
    "floor_",
    "frac_",
    "gcd_",
    "i0_",
    "index_put_",
    "lcm_",
    "ldexp_",
    "log_",
    "log10_",
    "log1p_",
    "log2_",
    "logit_",
    "nan_to_num_",
    "neg_",
    "negative_",
    "rad2deg_",
    "reciprocal_",
    "relu_",
    "resize_as_",
    "round_",
    "rsqrt_",
    "selu_",
    "sigmoid_",
    "sin_",
    "sinc_",
    "sinh_",
    "sqrt_",
    "square_",
    "tan_",
    "tanh_",
    "threshold_",
    "trunc_",
    "xlogy_",
    "zero_",
]

#: Functions of nn.functional that are functions of the top level too.
_OF_NN = (
    "bilinear", "channel_shuffle", "cosine_similarity", "pairwise_distance", "pdist",
    "pixel_shuffle", "pixel_unshuffle", "conv_tbc", "celu_", "selu_", "threshold_",
)  # fmt: skip

FUNCTIONS = {name: METHODS[name] for name in _INPLACE if name in METHODS}
FUNCTIONS |= {name: getattr(functional, name) for name in _OF_NN if hasattr(functional, name)}


def detach(input):
    """The values of `input` without its history."""
    return input.detach()


FUNCTIONS["detach"] = detach


def typename(obj):
    """The name of an object's type: torch.FloatTensor for a tensor."""
    if isinstance(obj, graph.Value):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = getattr(obj, "__module__", None) or kind.__module__
    name = getattr(obj, "__qualname__", None) or kind.__qualname__
    return name if module in (None, "builtins") else f"{module}.{name}"


FUNCTIONS["typename"] = typename


def cond(pred, true_fn, false_fn, operands=()):
    """true_fn(*operands) where `pred` holds, else false_fn(*operands)."""
    if isinstance(pred, graph.Value) and pred.numel() != 1:
        raise RuntimeError(
            f"cond: pred must be a bool or a tensor of one element, not {pred.shape}"
        )
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("cond: true_fn and false_fn must be functions")
    return (true_fn if pred else false_fn)(*operands)


FUNCTIONS["cond"] = cond


def is_storage(obj, /):
    """Whether `obj` is a storage."""
    from .serialization import UntypedStorage
    from .typed_storages import TypedStorage

    return isinstance(obj, UntypedStorage | TypedStorage)


FUNCTIONS["is_storage"] = is_storage

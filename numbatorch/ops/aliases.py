"""PyTorch's further names: copies of views, questions about lazy forms, and old functions."""

from .. import dtypes, graph
from ..shapes import Size
from .casting import cast
from .copying import clone
from .registry import FUNCTIONS, METHODS, function, method

# Copies of views ------------------------------------------------------------------------------------

_VIEWS = (
    "alias", "as_strided", "detach", "diagonal", "expand", "permute", "select", "squeeze", "t",
    "transpose", "unfold", "unsqueeze", "view", "view_as_complex", "view_as_real",
)  # fmt: skip


def _declare_copy(name):
    def copied(input, *args, **kwargs):
        return clone(_view(name)(input, *args, **kwargs))

    copied.__name__ = copied.__qualname__ = f"{name}_copy"
    copied.__doc__ = f"A copy of what `{name}` gives a view of."
    function(copied, method=False)


def _view(name):
    if name == "alias":
        return lambda input: input
    return FUNCTIONS.get(name) or METHODS[name]


for _name in _VIEWS:
    _declare_copy(_name)


@function(method=False)
def split_copy(input, split_size, dim=0):
    """Copies of what `split` gives views of."""
    return tuple([clone(part) for part in input.split(split_size, dim)])


@function(method=False)
def split_with_sizes_copy(input, split_sizes, dim=0):
    """Copies of what `split_with_sizes` gives views of."""
    return tuple([clone(part) for part in input.split(list(split_sizes), dim)])


@function(method=False)
def unbind_copy(input, dim=0):
    """Copies of what `unbind` gives views of."""
    return tuple([clone(part) for part in input.unbind(dim)])


# Forms that PyTorch leaves for later and numbatorch does not have ------------------------------------


def _declare_never(name, what):
    def never(input):
        return False

    never.__name__ = never.__qualname__ = name
    never.__doc__ = f"False: {what}."
    function(never, method=False)


for _name, _what in {
    "is_conj": "conjugation is done at once",
    "is_neg": "negation is done at once",
    "is_distributed": "a tensor lies in one process",
}.items():
    _declare_never(_name, _what)


def _declare_self(name):
    def same(input):
        return input

    same.__name__ = same.__qualname__ = name
    same.__doc__ = "The tensor itself: nothing is left to be done."
    function(same, method=False)


for _name in ("resolve_conj", "resolve_neg"):
    _declare_self(_name)


@function(method=False)
def is_inference(input):
    """Whether a tensor was made in inference mode."""
    return input._inference


@function
def isreal(input):
    """Where the imaginary part is zero."""
    if input.dtype.is_complex:
        return input.imag == 0
    return input.new_ones(input.shape, dtype=dtypes.bool_)


# Old functions ----------------------------------------------------------------------------------------


@function(method=False)
def fill(input, value):
    """A copy of `input` with `value` in every element."""
    return clone(input).fill_(value)


@function(method=False)
def get_device(input):
    """The index of the CUDA device of a tensor, -1 on the CPU."""
    return input.get_device()


@function
def nonzero_static(input, *, size, fill_value=-1):
    """The indices of the first `size` elements that are not zero; missing rows are filled."""
    found = input.nonzero()[:size]
    result = found.new_full((size, len(input.shape)), fill_value)
    result[: found.shape[0]] = found
    return result


@function(method=False)
def constant_pad_nd(input, pad, value=0):
    """`pad` with a constant."""
    return FUNCTIONS["pad"](input, pad, "constant", value)


@method
def new_empty_strided(
    self,
    size,
    stride,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Uninitialised elements with these strides."""
    return FUNCTIONS["empty_strided"](
        size,
        stride,
        dtype=dtype or self.dtype,
        device=device or self.device,
        requires_grad=requires_grad,
    )


# Python functions on every element ----------------------------------------------------------------------


@method
def apply_(self, callable):
    """Replace every element x by callable(x); slow, for tensors on the CPU."""
    _check_host(self, "apply_")
    values = [callable(x) for x in self.detach().reshape(-1).tolist()]
    return _refill(self, values)


@method
def map_(self, tensor, callable):
    """Replace every element a by callable(a, b); slow, for tensors on the CPU."""
    _check_host(self, "map_")
    others = tensor.detach().expand(self.shape).reshape(-1).tolist()
    values = [callable(a, b) for a, b in zip(self.detach().reshape(-1).tolist(), others)]
    return _refill(self, values)


def _check_host(tensor, name):
    if tensor.storage.device_type != "cpu":
        raise TypeError(f"{name} is only implemented on CPU tensors")
    if tensor.requires_grad:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )


def _refill(target, values):
    source = FUNCTIONS["tensor"](values).reshape(target.shape)
    return target.copy_(cast(source, target.dtype))


# Old methods ----------------------------------------------------------------------------------------------


@method
def resize(self, *sizes):
    """`reshape`; PyTorch's deprecated form, which keeps the number of elements."""
    shape = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    return self.reshape(Size(shape))


@method
def resize_as(self, tensor):
    """`resize` to the shape of another tensor."""
    return self.reshape(tensor.shape)


@method
def reinforce(self, reward):
    """RuntimeError: PyTorch took stochastic functions out; use torch.distributions."""
    raise RuntimeError(
        "reinforce() was removed.\nUse torch.distributions instead: an action's log_prob(action) "
        "times the reward is what reinforce() differentiated."
    )


@method
def as_subclass(self, cls):
    """The same memory and history as an object of a subclass of Tensor."""
    result = graph.alias(self) if self.grad_fn is None else self.view_as(self)
    result._requires_grad = self._requires_grad
    result.__class__ = cls
    return result


@method
def record_stream(self, s):
    """Say that work on a stream `s` other than the current one uses this tensor, whose memory is then not
    given to another tensor before that is done."""
    if self.storage.device_type != "cuda":
        raise RuntimeError("record_stream is not supported for tensors in host memory")
    self.storage.record_stream(s.cuda_stream)


@method
def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the greatest stride to the least."""
    strides = self.stride()
    return tuple(sorted(range(len(strides)), key=lambda d: (-strides[d], d)))


@method
def const_data_ptr(self):
    """The address of the first element."""
    return self.data_ptr()

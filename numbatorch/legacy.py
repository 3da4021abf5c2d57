"""The old constructors: `Tensor(2, 3)`, `FloatTensor([1, 2])`, and `isinstance(x, LongTensor)`."""

from . import dtypes, graph, shapes
from .array import initialise
from .creation import tensor
from .ops.views import sizes_of


def construct(kind, dtype, arguments):
    """A tensor of class `kind` from sizes, a sequence, an array or another tensor."""
    if len(arguments) == 1 and isinstance(arguments[0], graph.Value):
        source = arguments[0]
        if source.dtype is not dtype:
            raise TypeError(
                f"expected a tensor of dtype {dtype} (got {source.dtype}): use tensor.to({dtype})"
            )
        source = graph.alias(source)
    elif len(arguments) == 1 and not isinstance(arguments[0], int | shapes.Size):
        source = tensor(arguments[0], dtype=dtype)
    else:
        source = graph.allocate(shapes.Size(sizes_of(arguments, "new")), dtype)
    return initialise(
        graph.blank(kind), source.storage, source.dtype, source.shape, source.strides, source.offset
    )


def new(like, *arguments, device=None):
    """A tensor of the dtype and on the device of `like`, from sizes or data (`Tensor.new`)."""
    found = construct(graph.tensor_type, like.dtype, arguments)
    return found.to(like.device if device is None else device)


class _TypedTensor(type):
    """The type of FloatTensor and its kin: constructors that are also types to test for."""

    def __instancecheck__(cls, value):
        return isinstance(value, graph.Value) and graph.type_name(value) == cls.place + cls.__name__

    def __call__(cls, *arguments):
        found = construct(graph.tensor_type, cls.dtype, arguments)
        return found.cuda() if cls.place else found


def _typed(name, dtype, place=""):
    module = "torch.cuda" if place else "torch"
    about = f"Tensors of {dtype} in {'CUDA' if place else 'host'} memory."
    return _TypedTensor(
        name, (), {"dtype": dtype, "place": place, "__module__": module, "__doc__": about}
    )


#: FloatTensor, LongTensor, ...: name -> constructor.
TYPED_TENSORS = {name: _typed(name, getattr(dtypes, key if key != "bool" else "bool_"))
                 for key, name in graph.TYPE_NAMES.items()}  # fmt: skip

#: The same for tensors on a CUDA device (`torch.cuda.FloatTensor`).
CUDA_TENSORS = {name: _typed(name, kind.dtype, "cuda.") for name, kind in TYPED_TENSORS.items()}

"""What a native kernel reads its arguments and its memory with."""

from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

_WORD = ir.IntType(64)


@intrinsic
def integer(typing_context, arguments, index):
    """The int64 in slot `index` of an argument block."""

    def generate(context, builder, signature, values):
        slots = builder.inttoptr(values[0], _WORD.as_pointer())
        return builder.load(builder.gep(slots, [values[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def real(typing_context, arguments, index):
    """The float64 in slot `index` of an argument block."""

    def generate(context, builder, signature, values):
        slots = builder.inttoptr(values[0], ir.DoubleType().as_pointer())
        return builder.load(builder.gep(slots, [values[1]]))

    return types.float64(types.int64, types.int64), generate


@intrinsic
def _pointer(typing_context, address, element):
    """An address as a typed pointer."""
    pointer = types.CPointer(element.dtype)

    def generate(context, builder, signature, values):
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return pointer(types.int64, element), generate


@register_jitable
def span(address, count, element):
    """`count` elements of type `element` at `address`, as a one-dimensional array."""
    return carray(_pointer(address, element), (count,))


@register_jitable
def grid(address, shape, element):
    """Row-major elements of type `element` at `address`, as an array of `shape` (a tuple)."""
    return carray(_pointer(address, element), shape)


@intrinsic(prefer_literal=True)
def _stack(typing_context, count, element):
    """A pointer to room for `count` (a constant) elements in the kernel's stack frame."""
    pointer = types.CPointer(element.dtype)

    def generate(context, builder, signature, values):
        room = cgutils.alloca_once(
            builder, context.get_data_type(element.dtype), size=signature.args[0].literal_value
        )
        room.align = 64
        return room

    return pointer(count, element), generate


def scratch(count, element):
    """A function that gives a kernel `count` elements of scratch memory on its stack."""

    @register_jitable
    def room():
        return carray(_stack(count, element), (count,))

    return room

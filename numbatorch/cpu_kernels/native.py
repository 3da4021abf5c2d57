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


@intrinsic(prefer_literal=True)
def stack(typing_context, nbytes):
    """The address of `nbytes` (a constant) bytes of scratch memory on the kernel's stack."""

    def generate(context, builder, signature, values):
        room = cgutils.alloca_once(builder, ir.IntType(8), size=signature.args[0].literal_value)
        room.align = 64
        return builder.ptrtoint(room, _WORD)

    return types.int64(nbytes), generate


# Elements by address. What `write` writes is taken not to overlap with what `read` reads in the same
# loop, except at the same index: so loops vectorise without a check, in place too.


def _alias_scopes(module):
    domain = module.add_metadata([ir.MetaDataString(module, "elements")])
    return [
        module.add_metadata([module.add_metadata([ir.MetaDataString(module, name), domain])])
        for name in ("read", "written")
    ]


@intrinsic
def read(typing_context, address, index, element):
    """Element `index` of a run of elements of one type at `address`."""

    def generate(context, builder, signature, values):
        model = context.data_model_manager[signature.return_type]
        pointer = builder.inttoptr(values[0], model.get_data_type().as_pointer())
        found = builder.load(builder.gep(pointer, [values[1]]))
        own, other = _alias_scopes(builder.module)
        found.set_metadata("alias.scope", own)
        found.set_metadata("noalias", other)
        return model.from_data(builder, found)

    return element.dtype(types.int64, types.int64, element), generate


@intrinsic
def write(typing_context, address, index, value):
    """Make `value` element `index` of a run of elements of its type at `address`."""

    def generate(context, builder, signature, values):
        model = context.data_model_manager[signature.args[2]]
        pointer = builder.inttoptr(values[0], model.get_data_type().as_pointer())
        data = model.as_data(builder, values[2])
        stored = builder.store(data, builder.gep(pointer, [values[1]]))
        other, own = _alias_scopes(builder.module)
        stored.set_metadata("alias.scope", own)
        stored.set_metadata("noalias", other)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value), generate

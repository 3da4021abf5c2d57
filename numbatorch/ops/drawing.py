"""How random elements come into a tensor: drawn densely, in the order of its memory."""

from .. import array, devices, graph, shapes
from ..op import Spec, copy_values, primitive
from ..random import for_value
from .casting import to_device
from .copying import fresh_full


def draw_dense(out, draw):
    """Call draw(dense Array) so that the elements of `out` are drawn in memory order."""
    if not out.contiguous_layout:
        out = permuted(out, shapes.memory_order(out.shape, [out.strides]))
    if out.contiguous_layout:
        draw(out)
        return
    dense = graph.allocate(out.shape, out.dtype, devices.of(out))
    draw(dense)
    copy_values(out, dense)


def draw_aligned(out, draw, *operands):
    """As `draw_dense`, with operands broadcast to `out` and laid out as it is."""
    strides = [shapes.broadcast_strides(x.shape, x.strides, out.shape) for x in operands]
    order = shapes.memory_order(out.shape, [out.strides, *strides])
    dense_operands = []
    for x, x_strides in zip(operands, strides):
        broadcast = looking_at(x, x.dtype, out.shape, x_strides, x.offset)
        dense_operands.append(_dense(permuted(broadcast, order)))
    draw_dense(permuted(out, order), lambda dense: draw(dense, *dense_operands))


def _dense(x):
    if x.contiguous_layout:
        return x
    dense = graph.allocate(x.shape, x.dtype, devices.of(x))
    copy_values(dense, x)
    return dense


def permuted(value, order):
    """An Array over the same memory with its dimensions in another order."""
    shape = [value.shape[d] for d in order]
    strides = [value.strides[d] for d in order]
    return looking_at(value, value.dtype, shape, strides, value.offset)


def as_real(value):
    """An Array over the real and imaginary parts of a complex one, as a last dimension."""
    strides = [2 * stride for stride in value.strides]
    return looking_at(
        value, value.dtype.to_real(), (*value.shape, 2), (*strides, 1), 2 * value.offset
    )


def looking_at(value, dtype, shape, strides, offset):
    """An Array over the memory of `value`."""
    return array.initialise(
        array.Array(), value.storage, dtype, shapes.Size(shape), tuple(strides), offset
    )


def host_values(value):
    """The elements as a NumPy array, for checks of arguments."""
    return to_device(graph.alias(value), devices.CPU).as_numpy()


def zeros_like(grad):
    """The gradient of what a random sample does not depend on smoothly."""
    return fresh_full(grad.shape, 0, grad.dtype, devices.of(grad))


def overwriting(name, node_name):
    """Decorator: an op that overwrites its input, from draw(kernels, out, generator, **parameters).

    `draw` is given a dense Array, of real numbers also where the input is complex.
    """

    def declare(draw):
        def infer(input, *, generator, **parameters):
            return Spec(input.shape, input.dtype)

        infer.__doc__ = draw.__doc__
        op = primitive(infer, name=name, node_name=node_name, inplace_safe=True)

        @op.forward
        def _(out, input, *, generator, **parameters):
            kernels = devices.kernels(out).random
            target = as_real(out) if out.dtype.is_complex else out
            draw_dense(target, lambda dense: draw(kernels, dense, generator, **parameters))

        @op.gradient("input")
        def _(grad):
            return zeros_like(grad)

        return op

    return declare


def overwrite(op, target, generator, **parameters):
    """Run an overwriting op on `target` with the generator given, or its device's default."""
    chosen = for_value(generator, target, op.name)
    return op.inplace(target, generator=chosen, **parameters)

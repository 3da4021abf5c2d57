"""Moves a batch norm by frozen statistics into the weight and bias of the layer before it."""

from ... import autograd, memory, ops
from ..capture import Capture
from ..frozen import tensor_of
from ..program import CONSTANT, TEMPORARY, Buffer


def run(program, frozen):
    """Replace convolution (or linear) and normalisation, where nobody else reads in between."""
    for norm in list(program.instructions):
        layer = _layer_before(norm, program)
        if layer is not None and _is_frozen(norm, layer, frozen):
            _fold(program, layer, norm, frozen)


def _layer_before(norm, program):
    """The convolution or linear layer whose result only `norm` reads, or None."""
    if norm.call is None or norm.call[0].name != "normalize":
        return None
    x = norm.call[1][0]
    touching = [i for i in program.instructions if x.buffer in i.reads | i.writes]
    if x.buffer.kind != TEMPORARY or len(touching) != 2 or touching[1] is not norm:
        return None
    layer = touching[0]
    if layer.call is None or layer.call[0].name not in ("convolution", "linear"):
        return None
    first, last = program.instructions.index(layer), program.instructions.index(norm)
    out = norm.outputs[0]
    between = program.instructions[first:last]
    if any(out.buffer in i.reads | i.writes for i in between) or not x.lies_like(out):
        return None
    is_known = layer.outputs[0].key == x.key and (layer.call[0].name, len(x.shape)) != ("linear", 3)
    return layer if is_known and x.dtype.is_floating_point else None


def _is_frozen(norm, layer, frozen):
    values = [*norm.call[1][1:], *layer.call[1][1:]]
    return all(x is None or x.buffer in frozen for x in values)


def _fold(program, layer, norm, frozen):
    op, (x, weight, bias), params = layer.call
    with autograd.no_grad():
        weight, bias = _folded(
            *[None if r is None else frozen.tensor(r).double() for r in (weight, bias)],
            *[None if r is None else frozen.tensor(r).double() for r in norm.call[1][1:]],
        )
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        image = tensor_of(x, memory.Storage(x.buffer.nbytes))
        with Capture() as capture:
            out = op(image, weight, bias, **params)
        part = capture.program([out], [])
        capture.close()
    places = {
        image.storage: x.buffer,
        weight.storage: Buffer(CONSTANT, weight.storage.nbytes, weight.storage),
        bias.storage: Buffer(CONSTANT, bias.storage.nbytes, bias.storage),
    }
    replaced = {b: places[b.origin] for b in part.buffers if b.origin in places}
    replaced[part.results[0].buffer] = norm.outputs[0].buffer
    part.replace(replaced)
    program.buffers += {*part.buffers, *replaced.values()} - {*replaced, *program.buffers}
    program.keepers += part.keepers
    program.name_buffers()
    program.instructions.remove(norm)
    at = program.instructions.index(layer)
    program.instructions[at : at + 1] = part.instructions


def _folded(weight, bias, mean, rstd, scale, shift):
    """Weight and bias of a layer after which nothing has to be normalised."""
    factor = rstd if scale is None else rstd * scale
    moved = (-mean if bias is None else bias - mean) * factor
    weight = weight * ops.reshape(factor, [-1] + [1] * (weight.dim() - 1))
    return weight, moved if shift is None else moved + shift

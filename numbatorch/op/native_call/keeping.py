"""What a call came to, kept as a record for the next call like it."""

from ... import cpu_builtins, cpu_target, devices, dtypes, graph, shapes
from . import field
from .records import Record, table, word_array

#: Inputs that a recorded call may have.
_MOST_INPUTS = 6

#: The words of an input, or output, whose address no slot takes.
_NO_ADDRESS = (0, 0, 0, -1)

_in_python_always = Record(field.PYTHON)


def refuse(key, args):
    """Call the Python function of `key` right away from now on."""
    table.add(key, _in_python_always, _without_memory(args))


def _has_twins(args):
    """Whether a tensor is two of the arguments: which of them becomes what input is not to be told."""
    values = [id(x) for x in args if isinstance(x, graph.Value)]
    return len(values) > len(set(values))


def _without_memory(args):
    """What keys refer to by address, of the arguments of a call."""
    return [devices.form_of(x) if isinstance(x, graph.Value) else x for x in args]


def keep(
    key, op, plan, args, inputs, params, constants=(), in_place=False, in_order=False
):  # fmt: skip
    """Let the next call of `key` do what this one did: one call of `op` on `inputs` by `plan`.

    Each input is one of the arguments `args` of the call, or is in `constants`: nobody will change
    its values. With `in_order`, input i is argument i or made of it. Where that cannot be recorded,
    the key is refused.
    """
    if not table.takes(key):
        return
    if not in_order and _has_twins(args):
        return
    sources = [
        _source(x, args[i : i + 1] if in_order else args, constants, first=i if in_order else 0)
        for i, x in enumerate(inputs)
    ]
    if None in sources or not _can_follow(op, plan, params, in_place):
        refuse(key, args)
        return
    if op.is_view:
        kind, form = field.VIEW, plan.outputs.form
        words = {
            "offset": plan.outputs.offset - inputs[0].offset,
            "inputs": word_array([*_NO_ADDRESS, *sources[0], 0, -1]),
        }
    else:
        kind, form = field.IN_PLACE if in_place else field.COMPUTE, plan.outputs
        words = _kernel_words(op, plan, params, sources)
    record = Record(
        kind, op=op, params=params, forms=plan.forms, input_count=len(inputs),
        template=graph.template_of(form), nbytes=id(form.nbytes), output_forms=(form,),
        floating=int(form.dtype.category >= dtypes.FLOATING),
        differentiable=int(op.differentiable), **_gradient_words(op, len(inputs)), **words,
    )  # fmt: skip
    table.add(key, record, (_without_memory(args), form, constants))


def _can_follow(op, plan, params, in_place):
    """Whether compiled code can do what `plan` says: one result, of plain parameters, on the CPU."""
    if len(plan.forms) > _MOST_INPUTS or not all(map(is_plain, params.values())):
        return False
    if any([form is not None and form.place is not devices.CPU for form in plan.forms]):
        return False
    form = plan.outputs
    if op.is_view:
        # where offsets count elements of another size, one is not the other plus a constant
        return hasattr(form, "offset") and form.form.dtype.itemsize == plan.forms[0].dtype.itemsize
    return (
        form.__class__ is devices.Form
        and form.place is devices.CPU
        and not (in_place and form.has_overlap)
    )


def keep_empty(key, form, args):
    """Let the next call of `key` give memory of arbitrary contents."""
    record = Record(
        field.COMPUTE, template=graph.template_of(form), nbytes=id(form.nbytes),
        inputs=word_array(_NO_ADDRESS),
    )  # fmt: skip
    table.add(key, record, (args, form))


def keep_return(key, args, result):
    """Let the next call of `key` return the argument that this one did."""
    if _has_twins(args):
        return
    inputs = word_array([*_NO_ADDRESS, *_source(result, args), 0, -1])
    record = Record(field.RETURN, inputs=inputs, input_count=1)
    table.add(key, record, _without_memory(args))


def _gradient_words(op, count):
    """Which inputs have a rule, and what to keep for each set of inputs that need a gradient."""
    if not op.differentiable:
        return {}
    known = op.native_gradients.get(count)
    if known is None:
        everything = (1 << count) - 1
        rules = everything if op.joint else sum([1 << i for i in op.rules]) & everything
        kept = [_kept_bits(op, needs & rules, count) for needs in range(1 << count)]
        known = op.native_gradients[count] = {"rules": rules, "kept": word_array(kept)}
    return known


def _kept_bits(op, needs, count):
    """Bit 0: keep the output; bit i + 1: keep input i."""
    if needs == 0:
        return 0
    flags, keeps_output = op.save_plan([needs >> i & 1 or None for i in range(count)])
    return int(keeps_output) + sum([2 << i for i, flag in enumerate(flags or ()) if flag])


def _kernel_words(op, plan, params, sources):
    """What to launch, or call, and what it is given."""
    bound, count = plan.kernel, len(sources)
    if bound.__class__ is cpu_target.BoundKernel and len(bound.slots) < cpu_builtins.MOST_SLOTS:
        words = {
            "pointer": bound.kernel.pointer if bound.items else 0, "items": bound.items,
            "grain": bound.grain, "slots": word_array(bound.slots), "slot_count": len(bound.slots),
        }  # fmt: skip
        places = [*bound.places, *[-1] * (count + 1 - len(bound.places))]
    else:
        words = {"function": bound}
        if bound is None or bound.__class__ is cpu_target.BoundKernel:
            words = {"function": lambda out, *inputs: op.compute(out, *inputs, **params)}
        places = [-1] * (count + 1)
    inputs = [0, 0, plan.outputs.dtype.itemsize, places[0]]
    for source, form, place in zip(sources, plan.forms, places[1:]):
        inputs += [*source, 0, -1] if form is None else [*source, form.dtype.itemsize, place]
    return words | {"inputs": word_array(inputs)}


_PLAIN = frozenset(
    {int, float, complex, bool, str, type(None), dtypes.dtype, shapes.Size, devices.device}
)


def is_plain(value):
    """Whether a parameter may be kept with what a call does: it refers to no memory."""
    if value.__class__ is tuple:
        return all(map(is_plain, value))
    return value.__class__ in _PLAIN


def _source(x, args, constants=(), first=0):
    """(number of the argument, counted from `first`, or -1; the address of a constant), or None."""
    for i, candidate in enumerate(args):
        if candidate is x:
            return first + i, 0
    if x is None or any([x is constant for constant in constants]):
        return -1, id(x)
    return None

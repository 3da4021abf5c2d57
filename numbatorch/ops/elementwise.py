"""How elementwise ops are declared: a formula, a dtype rule, gradients. One class holds them all.

The class gives every elementwise op broadcasting, dtype promotion, Python numbers as operands,
`out=`, and the in-place method.
"""

from inspect import getfullargspec

from .. import devices, dtypes, graph, shapes
from ..op import Op, Spec, camel_case, check_target, native_call, scalar_name, write_inplace
from . import autocast, scalars
from .casting import cast
from .copying import copy, zeros_like_meta
from .output import write_out
from .registry import function

# Dtype rules: from the promoted dtype of the operands to (dtype to compute in, dtype of the output).


#: dtypes that many ops are not defined for.
BOOL = (dtypes.bool_,)
COMPLEX = (dtypes.complex64, dtypes.complex128)
INTEGRAL = (dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
#: What functions that are made for nothing but real numbers refuse.
NOT_REAL = BOOL + INTEGRAL + COMPLEX
FLOATING = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


def promote(dtype):
    """Computed in the promoted dtype."""
    return dtype, dtype


def to_float(dtype):
    """As `promote`, but integers and bools become the default floating dtype."""
    if dtype.category < dtypes.FLOATING:
        dtype = dtypes.get_default_dtype()
    return dtype, dtype


def compare(dtype):
    """Compared in the promoted dtype; the result is bool."""
    return dtype, dtypes.bool_


def magnitude(dtype):
    """As `promote`, but a complex number gives a real one."""
    return dtype, dtype.to_real()


#: Which operands may be Python numbers: the positions of the others, which must be tensors.
ANY, TENSOR_FIRST, TENSORS = (), (0,), (0, 1, 2)

_NUMBERS = {bool, int, float}

#: Calls of an op on numbers of which `native_call` is told.
_MOST_CALLS_ON_NUMBERS = 256


class _Numbers:
    """A plan for inputs some of which are numbers: constants of this dtype stand for them."""

    __slots__ = ("dtype", "place")

    def __init__(self, dtype, place):
        self.dtype = dtype
        self.place = place

    def replaced(self, inputs):
        dtype, place = self.dtype, self.place
        return tuple([
            scalars.constant(x, dtype, place) if x.__class__ in _NUMBERS else x for x in inputs
        ])  # fmt: skip


class Elementwise(Op):
    """An op that applies one scalar formula to every element."""

    inplace_safe = True
    #: Whether the op table makes samples of its own for it, from `domain`.
    sampled = True

    def __init__(
        self, infer, formula, rule=promote, *, domain=None, rejects=(), rejection=None,
        numbers=ANY, mixed=None, **attributes
    ):  # fmt: skip
        self.formula = formula
        self.rule = rule
        #: (low, high) of the values that gradient checks draw, for every operand.
        self.domain = domain
        #: dtypes that PyTorch does not implement this op for.
        self.rejects = rejects
        #: What is said of them: a RuntimeError with this message, else a NotImplementedError.
        self.rejection = rejection
        #: What is said where dtypes differ, by ops that do not promote.
        self.mixed = mixed
        #: The positions of operands that must be tensors.
        self.tensors_only = numbers
        self.compares = rule is compare
        #: dtypes that inputs may have without a cast.
        self._computed_as_is = set()
        self._calls_on_numbers = 0
        super().__init__(infer, **attributes)
        self.infer = self._infer
        self.defaults = infer.__kwdefaults__ or {}
        self.param_names = tuple(getfullargspec(infer).kwonlyargs)

    def _infer(self, *inputs, **params):
        first = inputs[0]
        shape = first.shape
        for x in inputs:
            if x.shape != shape:
                shape = shapes.broadcast_shapes(*[y.shape for y in inputs])
                break
        strides = shapes.elementwise_strides(shape, inputs)
        return Spec(shape, self.rule(inputs[-1].dtype)[1], strides)

    def compute(self, out, *inputs, **params):
        parameters = [params[name] for name in self.param_names] if params else ()
        devices.kernels(out).elementwise.apply(self.formula, out, *inputs, parameters=parameters)

    def bind(self, outputs, inputs, params):
        if type(self).compute is not Elementwise.compute or tuple(params) != self.param_names:
            return None
        forms = [graph.metadata_of(x) for x in inputs]
        parameters = tuple(params.values())
        return devices.kernels(inputs[0]).elementwise.bind(
            self.formula, outputs, *forms, parameters=parameters
        )

    def _call(self, key, args, params, out=None):
        if "out" in params:
            params = dict(params)
            out, key = params.pop("out"), None
        if out is None:
            if graph.modes.autocast is not None and self.name in autocast.IN_FULL_ON_CUDA:
                args = autocast.in_full_on_cuda(args)
            plan = self._find_plan(args, params)
            if plan is not None and plan.__class__ is not _Numbers:
                return self._run_and_keep(key, plan, args, args, params, params)
        given = params
        inputs, params = self._bind(args, params)
        inputs = self._prepared(inputs, params)
        if out is not None:
            return write_out(self, out, inputs, params)
        return self._run_and_keep(key, self.plan(inputs, params), args, inputs, given, params)

    def _run_and_keep(self, key, plan, args, inputs, given, params):
        result = self._run(plan, inputs, params)
        if key is not None and self._may_keep(args):
            in_order = _names_no_tensor(given)
            args = (*args, *given.values())
            constants = self._constants(args, inputs)
            native_call.keep(key, self, plan, args, inputs, params, constants, in_order=in_order)
        return result

    def _prepared(self, inputs, params, target=None):
        """The inputs, prepared (see there); those of a kind that came before faster."""
        plan = None if params else self._find_plan(inputs, params)
        if plan is not None:
            return plan.replaced(inputs) if plan.__class__ is _Numbers else inputs
        prepared = self.prepare(inputs) if target is None else self.prepare(inputs, target)
        if prepared is not inputs and not params:
            self._note_numbers(inputs, prepared[0].dtype)
        return prepared

    def _may_keep(self, args):
        """Whether a call is worth a record: numbers among the operands may differ every time."""
        if any([x.__class__ in _NUMBERS for x in args]):
            self._calls_on_numbers += 1
            return self._calls_on_numbers <= _MOST_CALLS_ON_NUMBERS
        return True

    @staticmethod
    def _constants(args, inputs):
        """The inputs that stand for numbers among the arguments."""
        return [
            x for x, given in zip(inputs, args) if given.__class__ in _NUMBERS and x is not None
        ]

    def _call_inplace(self, key, args, params):
        given = params
        inputs, params = self._bind(args, params)
        inputs = self._prepared(inputs, params, args[0])
        result = write_inplace(self, args[0], inputs, params)
        if key is not None and self._may_keep(args):
            in_order = _names_no_tensor(given)
            args = (*args, *given.values())
            constants = self._constants(args, inputs)
            self.keep_inplace(key, args, inputs, params, constants, in_order)
        return result

    def _note_numbers(self, inputs, dtype):
        """Plan for calls on numbers beside tensors of a floating `dtype`, which take it on."""
        forms = devices.forms_of(inputs)
        tensors = [form for form in forms if form.__class__ is devices.Form]
        numbers = [form for form in forms if form.__class__ is not devices.Form]
        alike = all([form.dtype is dtype for form in tensors]) and set(numbers) <= _NUMBERS
        if numbers and alike and dtype.category >= dtypes.FLOATING:
            self._keep_plan(forms, _Numbers(dtype, tensors[0].place))

    def _bind(self, args, params):
        """(inputs, params) of a call, every parameter with a value; TypeError where they don't fit."""
        count = len(self.input_names)
        if len(args) == count and len(params) == len(self.param_names):
            for name in params:
                if name not in self.param_names:
                    raise TypeError(f"{self.name}() got an unexpected keyword argument '{name}'")
            return args, params
        names = (*self.input_names, *self.param_names)
        if len(args) > len(names):
            raise TypeError(
                f"{self.name}() takes {len(names)} positional arguments but {len(args)} were given"
            )
        bound = dict(self.defaults)
        bound.update(zip(names, args))
        for name, value in params.items():
            if name not in names:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{name}'")
            if name in names[: len(args)]:
                raise TypeError(f"{self.name}() got multiple values for argument '{name}'")
            bound[name] = value
        missing = [name for name in names if name not in bound]
        if missing:
            raise TypeError(
                f"{self.name}() missing {len(missing)} required positional arguments: "
                + ", ".join(f'"{name}"' for name in missing)
            )
        return tuple([bound.pop(name) for name in self.input_names]), bound

    def prepare(self, inputs, target=None):
        """The inputs as values of the dtype to compute in, on one device.

        `target` is where the result will be written, for an error to come in PyTorch's order.
        """
        dtype = _shared_dtype(inputs)
        if dtype is None:
            if self.mixed is not None and len({getattr(x, "dtype", None) for x in inputs}) > 1:
                raise RuntimeError(self.mixed)
            inputs, dtype = scalars.promoted(self, inputs)
        elif dtype in self._computed_as_is:
            return inputs
        if dtype in self.rejects:
            raise self._rejected(dtype, inputs, target)
        computed = self.rule(dtype)[0]
        if computed is dtype:
            self._computed_as_is.add(dtype)
        return tuple([x if x.dtype is computed else cast(x, computed) for x in inputs])

    def _rejected(self, dtype, inputs, target):
        """The exception for a dtype that PyTorch does not implement the op for."""
        if self.rejection is not None:
            return RuntimeError(self.rejection.format(name=self.name))
        shape = shapes.broadcast_shapes(*[x.shape for x in inputs])
        if target is not None:
            check_target(target, Spec(shape, dtype))
        return NotImplementedError(
            f"\"{self.name}_cpu\" not implemented for '{scalar_name(dtype)}'"
        )


class Comparison(Elementwise):
    """An op whose result is constant almost everywhere, and so is a tensor that it is written into."""

    def _call_inplace(self, key, args, params):
        inputs, params = self._bind(args, params)
        target, values = inputs[0], self.prepare(inputs, inputs[0])
        if graph.modes.grad_enabled and any([x._requires_grad for x in (target, *values)]):
            check_target(target, self.infer(*values, **params))
            return copy.inplace(target, self.call(values, params))
        return write_inplace(self, target, values, params)


def elementwise(
    formula,
    rule=promote,
    *,
    publish=False,
    aliases=(),
    inplace=True,
    kind=Elementwise,
    **attributes,
):
    """Decorator: declare an op from a signature, tensors first and scalar parameters keyword-only.

    With `publish`, it becomes a function and methods; "functional" keeps it out of the top level.
    """

    def declare(signature):
        name = attributes.pop("name", signature.__name__)
        signature.__doc__ = signature.__doc__ or formula.__doc__
        if name.endswith("_gradient"):
            attributes.setdefault("node_name", f"{camel_case(name[:-9])}BackwardBackward0")
        op = kind(signature, formula, rule, name=name, **attributes)
        if not publish:
            return op
        top_level = publish != "functional"
        return function(op, inplace=inplace, aliases=aliases, top_level=top_level)

    return declare


def _names_no_tensor(params):
    """Whether the tensors of a call are in the order of the op's inputs."""
    return not any([isinstance(x, graph.Value) for x in params.values()])


def _shared_dtype(inputs):
    """The dtype that all inputs have, or None where one is a number, has another, or lies elsewhere."""
    dtype = place = None
    for x in inputs:
        if not isinstance(x, graph.Value):
            return None
        if dtype is None:
            dtype, place = x.dtype, x.storage.device_index
        elif x.dtype is not dtype or x.storage.device_index != place:
            return None
    return dtype


def unary(name, formula, rule=promote, *, publish=True, **attributes):
    """Declare input -> formula(input), published as a function and methods unless told otherwise."""

    def signature(input):
        pass

    return elementwise(formula, rule, name=name, publish=publish, **attributes)(signature)


def binary(name, formula, rule=promote, *, publish=True, **attributes):
    """Declare input, other -> formula(input, other)."""

    def signature(input, other):
        pass

    return elementwise(formula, rule, name=name, publish=publish, **attributes)(signature)


def gradient_by(op, gradient_op):
    """Let the gradient of op(input) be gradient_op(grad_output, input), linear in grad_output."""

    @op.gradient("input")
    def _(grad, input, params):
        return gradient_op(grad, input, **params)

    @gradient_op.gradient("grad_output")
    def _(grad, input, params):
        return gradient_op(grad, input, **params)


def not_differentiable(*ops):
    """Give ops a gradient rule that refuses to go on."""
    for op in ops:
        message = f"derivative for aten::{op.name} is not implemented"
        op.gradient(*op.input_names)(_raising(message))


def _raising(message):
    def rule():
        raise RuntimeError(message)

    return rule


def no_gradient(*ops):
    """Give ops that are constant almost everywhere the gradient zero."""
    for op in ops:

        @op.gradient(*op.input_names)
        def _(grad):
            return zeros_like_meta(graph.metadata_of(grad))

"""How elementwise ops are declared: a formula, a dtype rule, gradients. One class holds them all.

The class gives every elementwise op broadcasting, dtype promotion, Python numbers as operands,
`out=`, and the in-place method.
"""

from .. import devices, dtypes, graph, shapes
from ..op import Op, Spec, check_devices, write_inplace
from . import scalars
from .casting import cast
from .output import write_out
from .registry import function

# Dtype rules: from the promoted dtype of the operands to (dtype to compute in, dtype of the output).


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


class Elementwise(Op):
    """An op that applies one scalar formula to every element."""

    inplace_safe = True
    #: Whether the op table makes samples of its own for it, from `domain`.
    sampled = True

    def __init__(
        self, infer, formula, rule=promote, *, domain=None, rejects=(), **attributes
    ):  # fmt: skip
        self.formula = formula
        self.rule = rule
        #: (low, high) of the values that gradient checks draw, for every operand.
        self.domain = domain
        #: dtypes that PyTorch does not implement this op for.
        self.rejects = rejects
        super().__init__(infer, **attributes)
        self.declared_infer = infer
        self.infer = self._infer
        self.param_names = tuple(infer.__kwdefaults__ or ())

    def _infer(self, *inputs, **params):
        first = inputs[0]
        shape = first.shape
        for x in inputs:
            if x.shape != shape:
                shape = shapes.broadcast_shapes(*[y.shape for y in inputs])
                break
        return Spec(shape, self.rule(inputs[-1].dtype)[1])

    def compute(self, out, *inputs, **params):
        parameters = [params[name] for name in self.param_names] if params else ()
        devices.kernels(out).elementwise.apply(self.formula, out, *inputs, parameters=parameters)

    def __call__(self, *inputs, out=None, **params):
        inputs = self.prepare(inputs)
        if out is not None:
            return write_out(self, out, inputs, params)
        return self.call(inputs, params)

    def inplace(self, *inputs, **params):
        return write_inplace(self, inputs[0], self.prepare(inputs), params)

    def prepare(self, inputs):
        """The inputs as values of the dtype to compute in, on one device."""
        first = inputs[0]
        dtype = first.dtype if isinstance(first, graph.Value) else None
        if all([isinstance(x, graph.Value) and x.dtype is dtype for x in inputs]):
            check_devices(self, inputs)
        else:
            inputs, dtype = scalars.promoted(self, inputs)
        if dtype in self.rejects:
            raise self._not_implemented(dtype)
        computed = self.rule(dtype)[0]
        return tuple([x if x.dtype is computed else cast(x, computed) for x in inputs])

    def _not_implemented(self, dtype):
        from ..op import scalar_name

        return RuntimeError(f"\"{self.name}_cpu\" not implemented for '{scalar_name(dtype)}'")


def unary(name, formula, rule=promote, *, publish=True, aliases=(), **attributes):
    """Declare input -> formula(input), published as a function and as methods unless told otherwise."""

    def infer(input):
        pass

    return _declare(infer, name, formula, rule, publish, aliases, attributes)


def binary(name, formula, rule=promote, *, publish=True, aliases=(), **attributes):
    """Declare input, other -> formula(input, other)."""

    def infer(input, other):
        pass

    return _declare(infer, name, formula, rule, publish, aliases, attributes)


def parametric(infer, formula, rule=promote, *, publish=False, aliases=(), **attributes):
    """Declare an op whose formula takes scalar parameters: infer(input, *, parameter=default)."""
    return _declare(infer, infer.__name__, formula, rule, publish, aliases, attributes)


def _declare(infer, name, formula, rule, publish, aliases, attributes):
    infer.__doc__ = infer.__doc__ or formula.__doc__
    op = Elementwise(infer, formula, rule, name=name, **attributes)
    return function(op, inplace=True, aliases=aliases) if publish else op

"""How two results become one, in forms that CPU loops vectorise.

A sum may only be computed in another order, and so in vectors, where its instruction says that it
may be. It is said of these instructions alone: a whole kernel that could be reordered
(`fastmath={"reassoc"}`) would turn (x - maximum) - log(total) into x - (maximum + log(total)).
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .typed import formula

_IN_ANY_ORDER = ("reassoc", "nsz", "contract")


@formula
def either(a, b):
    return a | b


@formula
def both(a, b):
    return a & b


def add(a, b):
    """a + b, where the order of many additions does not matter."""
    return a + b


def multiply(a, b):
    """a * b, where the order of many multiplications does not matter."""
    return a * b


def maximum(a, b):
    """The greater number; NaN where either is."""
    return a if a > b or a != a else b


def minimum(a, b):
    """The lesser number; NaN where either is."""
    return a if a < b or a != a else b


def _add(builder, a, b):
    return builder.fadd(a, b, flags=_IN_ANY_ORDER)


def _multiply(builder, a, b):
    return builder.fmul(a, b, flags=_IN_ANY_ORDER)


def _extremum(operation):
    def build(builder, a, b):
        bits = {ir.FloatType(): 32, ir.DoubleType(): 64}[a.type]
        function_type = ir.FunctionType(a.type, [a.type, a.type])
        name = f"llvm.{operation}.f{bits}"
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        return builder.call(function, [a, b], fastmath=_IN_ANY_ORDER)

    return build


def _lower(function, build):
    """Let CPU code put `build`'s instruction in the place of `function` on floats."""

    @intrinsic
    def of_floats(typing_context, a, b):
        def generate(context, builder, signature, values):
            return build(builder, *values)

        return a(a, a), generate

    @overload(function)
    def everywhere(a, b):
        return function

    @overload(function, target="cpu")
    def on_the_cpu(a, b):
        if isinstance(a, types.Float) and a == b:
            return lambda a, b: of_floats(a, b)
        return function


_lower(add, _add)
_lower(multiply, _multiply)
_lower(maximum, _extremum("maximum"))
_lower(minimum, _extremum("minimum"))
